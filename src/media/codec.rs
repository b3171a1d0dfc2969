//! Codec configuration: RFC 6381 strings, picture size, sample aspect, and which samples nothing else refers to.
