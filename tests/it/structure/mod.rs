//! Checks of the sources themselves: who imports whom, and what comments must say.

mod comments;
mod imports;
mod layers;
mod sources;
mod vocabulary;
