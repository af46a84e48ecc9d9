//! Greeting at the start of a sandbox: the demo accounts, and lines to paste into another terminal.
//!
//! It shows secrets: for a terminal only.

use std::path::Path;

use anyhow::Result;

use super::DemoFile;

/// The demo accounts and lines to paste.
pub(crate) fn greeting(file: &DemoFile) -> Result<String> {
    let [base_url, merchant] = [file.text("/base_url")?, file.text("/merchant/mid")?];
    let [platform, platform_key, platform_secret] = account(file, "platform")?;
    let [partner, partner_key, secret] = account(file, "partner")?;
    let variables = load_variables(file.path());
    let json = "-H 'Content-Type: application/json'";
    let new_key = format!(r#"{{"mid":"{merchant}","name":"My first key","type":"secret","scopes":["charges:read"]}}"#);
    Ok(format!(
        r#"Demo accounts (sandbox; also in {path}):
  platform  {platform}  appKey {platform_key}
            appSecret {platform_secret}
  partner   {partner}  appKey {partner_key}
            appSecret {secret}
  merchant  {merchant}

Create a key for the merchant, list its keys, verify the value that the first answer shows:
  curl -s {base_url}/v1/api-keys -H 'Authorization: Bearer {secret}' {json} -d '{new_key}'
  curl -s {base_url}/v1/api-keys/{merchant} -H 'Authorization: Bearer {secret}'
  curl -s {base_url}/v1/verify -H 'Authorization: Bearer {secret}' {json} -d '{{"key":"PASTE THE VALUE HERE"}}'

The address, the partner's secret and the merchant as KW, KEY and MID of your shell:
  {variables}
"#,
        path = file.path().display(),
    ))
}

fn account<'a>(file: &'a DemoFile, name: &str) -> Result<[&'a str; 3]> {
    let member = |member: &str| file.text(&format!("/{name}/{member}"));
    Ok([member("mid")?, member("appKey")?, member("appSecret")?])
}

/// The line that loads the variables of `keyward demo env`, from any folder.
fn load_variables(path: &Path) -> String {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string();
    let program = std::env::current_exe().map_or_else(|_| "keyward".to_owned(), |path| absolute(&path));
    let folder = absolute(path.parent().unwrap_or_else(|| Path::new(".")));
    format!(r#"eval "$({} demo env --data-dir {})""#, for_shell(&program), for_shell(&folder))
}

/// Quotes a text as one shell word; plain where that is safe.
fn for_shell(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-:+@%,".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        return text.to_owned();
    }
    quoted(text)
}

/// The text in single quotes, in which a shell interprets nothing.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
