//! Name and value pairs of a path and a query: splitting, percent-decoding, length limits.
