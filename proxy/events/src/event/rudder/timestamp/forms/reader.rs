//! A position in a text that is read forward, a run of digits or letters at a time.

/// What is left of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self(text)
    }

    pub(super) fn peek(self) -> Option<u8> {
        self.0.first().copied()
    }

    /// Passes `byte` if it is next.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        self.take_all(&[byte])
    }

    /// Passes `bytes` if they are next.
    pub(super) fn take_all(&mut self, bytes: &[u8]) -> bool {
        let rest = self.0.strip_prefix(bytes);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// Passes the next byte if it is one of `bytes`.
    pub(super) fn take_any(&mut self, bytes: &[u8]) -> Option<u8> {
        let next = self.peek().filter(|byte| bytes.contains(byte))?;
        self.0 = &self.0[1..];
        Some(next)
    }

    /// Passes spaces. Returns whether there were any.
    pub(super) fn spaces(&mut self) -> bool {
        !self.run(|byte| byte == b' ').is_empty()
    }

    /// The digits that are next.
    pub(super) fn digits(&mut self) -> &'a [u8] {
        self.run(|byte| byte.is_ascii_digit())
    }

    /// The letters that are next.
    pub(super) fn letters(&mut self) -> &'a [u8] {
        self.run(|byte| byte.is_ascii_alphabetic())
    }

    /// Passes everything up to `closing` and it too. Returns whether it was there.
    pub(super) fn skip_past(&mut self, closing: u8) -> bool {
        self.run(|byte| byte != closing);
        self.take(closing)
    }

    fn run(&mut self, belongs: impl Fn(u8) -> bool) -> &'a [u8] {
        let length = self.0.iter().take_while(|byte| belongs(**byte)).count();
        let (run, rest) = self.0.split_at(length);
        self.0 = rest;
        run
    }
}
