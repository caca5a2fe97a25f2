//! Which instructions the marks are found by.

use std::sync::OnceLock;

use crate::{block::Block, portable};

/// A way to find marks. One that this machine cannot execute does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method(Instructions);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Instructions {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

static CHOSEN: OnceLock<Method> = OnceLock::new();

impl Method {
    /// Eight bytes at a time, on any machine.
    pub const PORTABLE: Self = Self(Instructions::Portable);

    /// 32 bytes at a time; `None` when the machine has no AVX2.
    #[cfg(target_arch = "x86_64")]
    pub fn avx2() -> Option<Self> {
        std::is_x86_feature_detected!("avx2").then_some(Self(Instructions::Avx2))
    }

    /// 32 bytes at a time; `None` when the machine has no AVX2.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn avx2() -> Option<Self> {
        None
    }

    /// Those of this machine, the fastest first.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::avx2().into_iter().chain([Self::PORTABLE])
    }

    /// The one that the process uses: the fastest, or what [`Self::choose`] has said.
    pub fn chosen() -> Self {
        *CHOSEN.get_or_init(|| Self::avx2().unwrap_or(Self::PORTABLE))
    }

    /// Makes this the method of the process, so that what it costs can be counted.
    ///
    /// # Errors
    ///
    /// The process has used another one before, which it keeps.
    pub fn choose(self) -> Result<(), Self> {
        let chosen = *CHOSEN.get_or_init(|| self);
        if chosen == self { Ok(()) } else { Err(chosen) }
    }

    /// Writes the marks of each block to the word that belongs to it.
    pub(crate) fn mark(self, blocks: &[Block], words: &mut [u64]) {
        match self.0 {
            Instructions::Portable => portable::mark(blocks, words),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => {
                #[expect(unsafe_code, reason = "the compiler cannot know what the machine has")]
                // SAFETY: `Method::avx2` alone makes this variant, when it has seen that the machine has AVX2.
                unsafe {
                    crate::avx2::mark(blocks, words);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_method_of_a_process_stays() {
        let chosen = Method::chosen();
        for method in Method::available() {
            assert_eq!(method.choose(), if method == chosen { Ok(()) } else { Err(chosen) });
            assert_eq!(Method::chosen(), chosen);
        }
    }
}
