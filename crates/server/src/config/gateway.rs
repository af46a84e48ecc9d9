//! Section `gateway`: settings for the gateways that call `/v1/auth`.

use keyward_api::http::{CredentialHeader, Gateway};

use super::{reader::Reader, values};

pub(super) fn read(reader: &mut Reader) -> Gateway {
    Gateway {
        credential: reader.read("gateway.credential", credential).unwrap_or_default(),
        allow_preflight: reader.read("gateway.allow_preflight", values::switch).unwrap_or(false),
    }
}

fn credential(text: &str) -> values::Parsed<CredentialHeader> {
    match text {
        "either" => Ok(CredentialHeader::Either),
        "authorization" => Ok(CredentialHeader::Authorization),
        "x_api_key" => Ok(CredentialHeader::XApiKey),
        _ => Err("either, authorization or x_api_key"),
    }
}
