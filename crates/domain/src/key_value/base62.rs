//! Fixed-length base 62 for the two numbers in a key value. Not a general codec.

use zeroize::Zeroize;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Number of digits of 256 bits.
pub(super) const LEN_OF_256_BITS: usize = 43;
/// Number of digits of 32 bits.
pub(super) const LEN_OF_U32: usize = 6;

/// Appends 256 bits, as one big-endian number, in 43 digits.
pub(super) fn push_256_bits(bytes: &[u8; 32], text: &mut String) {
    let mut limbs = [0_u32; 8];
    for (limb, chunk) in limbs.iter_mut().zip(bytes.chunks_exact(4)) {
        *limb = chunk.iter().fold(0, |value, byte| value << 8 | u32::from(*byte));
    }
    let mut digits = [0_u8; LEN_OF_256_BITS];
    for digit in digits.iter_mut().rev() {
        *digit = divide_by_62(&mut limbs);
    }
    text.extend(digits.iter().map(|digit| character(*digit)));
    digits.zeroize();
    limbs.zeroize();
}

/// Appends 32 bits in six digits.
pub(super) fn push_u32(value: u32, text: &mut String) {
    text.extend(digits_of(value).map(character));
}

/// Whether `text` encodes this number in six digits.
pub(super) fn is_u32(text: &str, value: u32) -> bool {
    text.as_bytes() == digits_of(value).map(letter).as_slice()
}

fn digits_of(mut value: u32) -> [u8; LEN_OF_U32] {
    let mut digits = [0_u8; LEN_OF_U32];
    for digit in digits.iter_mut().rev() {
        // A remainder of 62 always fits.
        *digit = u8::try_from(value % 62).unwrap_or_default();
        value /= 62;
    }
    digits
}

/// Long division of a 256-bit number, most significant limb first; returns the remainder.
fn divide_by_62(limbs: &mut [u32; 8]) -> u8 {
    let mut remainder = 0_u64;
    for limb in limbs {
        let part = remainder << 32 | u64::from(*limb);
        // Both fit: a quotient of (62 · 2³²) / 62 is below 2³², a remainder below 62.
        *limb = u32::try_from(part / 62).unwrap_or_default();
        remainder = part % 62;
    }
    u8::try_from(remainder).unwrap_or_default()
}

fn character(digit: u8) -> char {
    char::from(letter(digit))
}

fn letter(digit: u8) -> u8 {
    ALPHABET.get(usize::from(digit)).copied().unwrap_or(b'0')
}
