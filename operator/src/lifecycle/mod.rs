//! What becomes of pods and claims while a destination shrinks, grows or goes. Pure: facts in, decisions out; what is
//! read and written for it is in `reconcile`.
//!
//! A pod goes only when it has said itself that nothing is left in it, of this very change of the number, and after it
//! has stopped to take anything in. What is not known is not empty.

mod scale;

pub use scale::{Claim, Pod, Scale, Surplus, Wait, scale};
