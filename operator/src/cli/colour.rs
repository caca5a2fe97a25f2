//! Colour, only where somebody looks: on a terminal, and not where `NO_COLOR` is set.

/// A colour of the terminal's own palette.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// As it should be.
    Green,
    /// Somebody should look.
    Yellow,
    /// Somebody must act.
    Red,
}

/// Whether colours are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// They are.
    Coloured,
    /// They are not.
    Plain,
}

impl Paint {
    /// As suits an output. `no_color` is the variable of that name, which counts when it is not empty:
    /// <https://no-color.org>.
    pub fn suits(is_terminal: bool, no_color: Option<&str>) -> Self {
        match is_terminal && no_color.unwrap_or_default().is_empty() {
            true => Self::Coloured,
            false => Self::Plain,
        }
    }

    /// A word in a colour.
    pub fn of(self, colour: Colour, word: &str) -> String {
        let code = match colour {
            Colour::Green => 32,
            Colour::Yellow => 33,
            Colour::Red => 31,
        };
        match self {
            Self::Coloured => format!("\u{1b}[{code}m{word}\u{1b}[0m"),
            Self::Plain => word.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_no_colour_and_a_terminal_has_unless_it_is_told_not_to() {
        for (is_terminal, no_color, expected) in [
            (false, None, Paint::Plain),
            (true, None, Paint::Coloured),
            (true, Some(""), Paint::Coloured),
            (true, Some("1"), Paint::Plain),
        ] {
            assert_eq!(Paint::suits(is_terminal, no_color), expected);
        }
        assert_eq!(Paint::Plain.of(Colour::Red, "word"), "word");
        assert_eq!(Paint::Coloured.of(Colour::Red, "word"), "\u{1b}[31mword\u{1b}[0m");
    }
}
