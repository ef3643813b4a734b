//! The bytes that sealed buckets are made of: LEB128 varints, strings and ids, and a reader that believes nothing.

use super::Damage;

/// Appends values to a buffer.
#[derive(Default)]
pub(super) struct Writer(pub Vec<u8>);

impl Writer {
    /// A number as LEB128 varint.
    pub fn number(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.0.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.0.push(n as u8);
    }

    /// A number of up to 128 bits as LEB128 varint.
    pub fn wide(&mut self, mut n: u128) {
        while n > u128::from(u64::MAX) {
            self.0.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.number(n as u64);
    }

    /// A signed number, zigzag: 0, -1, 1, -2 become 0, 1, 2, 3.
    pub fn signed(&mut self, n: i64) {
        self.number(((n << 1) ^ (n >> 63)) as u64);
    }

    /// Length and bytes.
    pub fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }
}

/// Reads what [`Writer`] wrote; bytes that are not so are a [`Damage`], never a panic.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// The next `count` bytes.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], Damage> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Damage::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    /// One byte.
    pub fn byte(&mut self) -> Result<u8, Damage> {
        Ok(self.bytes(1)?[0])
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        self.bytes(N)?.try_into().map_err(|_| Damage::Truncated)
    }

    /// A number of up to 128 bits.
    pub fn wide(&mut self) -> Result<u128, Damage> {
        let (mut n, mut shift) = (0, 0);
        loop {
            let byte = self.byte()?;
            if shift > 126 || (shift == 126 && byte > 3) {
                return Err(Damage::Malformed("a number has more than 128 bits"));
            }
            n |= u128::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(n);
            }
            shift += 7;
        }
    }

    /// A number of up to 64 bits.
    pub fn number(&mut self) -> Result<u64, Damage> {
        u64::try_from(self.wide()?).map_err(|_| Damage::Malformed("a number has more than 64 bits"))
    }

    /// A number of up to 32 bits.
    pub fn short(&mut self) -> Result<u32, Damage> {
        u32::try_from(self.number()?).map_err(|_| Damage::Malformed("a number has more than 32 bits"))
    }

    /// What [`Writer::signed`] wrote.
    pub fn signed(&mut self) -> Result<i64, Damage> {
        let n = self.number()?;
        Ok((n >> 1) as i64 ^ -((n & 1) as i64))
    }

    /// The number of entries that follow, each of at least one byte.
    pub fn count(&mut self) -> Result<usize, Damage> {
        let count = self.number()?;
        match usize::try_from(count) {
            Ok(count) if count <= self.0.len() => Ok(count),
            _ => Err(Damage::Malformed("a list is longer than its section")),
        }
    }

    /// Length and UTF-8 bytes.
    pub fn text(&mut self) -> Result<&'a str, Damage> {
        let length = self.count()?;
        std::str::from_utf8(self.bytes(length)?).map_err(|_| Damage::Malformed("a string is not UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn values_survive(wide in any::<u128>(), signed in any::<i64>(), text in ".*") {
            let mut out = Writer::default();
            out.wide(wide);
            out.signed(signed);
            out.text(&text);
            let mut input = Reader(&out.0);
            prop_assert_eq!(input.wide(), Ok(wide));
            prop_assert_eq!(input.signed(), Ok(signed));
            prop_assert_eq!(input.text(), Ok(text.as_str()));
            prop_assert!(input.0.is_empty());
        }

        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut input = Reader(&bytes);
            while !input.0.is_empty() {
                if input.number().and_then(|_| input.text().map(|_| ())).is_err() {
                    break;
                }
            }
        }
    }

    #[test]
    fn what_is_not_a_number_is_told() {
        assert_eq!(Reader(&[]).number(), Err(Damage::Truncated));
        assert_eq!(Reader(&[0x80]).number(), Err(Damage::Truncated));
        assert!(matches!(Reader(&[0xff; 20]).wide(), Err(Damage::Malformed(_))));
        assert!(matches!(Reader(&[5, b'a']).text(), Err(Damage::Malformed(_))));
    }
}
