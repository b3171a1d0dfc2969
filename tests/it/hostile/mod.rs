//! Hostile input and faults, row by row of the list that this service is held to. Names of tests begin with the number of
//! their row, or with `advisory`; README.md has the table of them all.

mod access;
mod h2;
mod http;
mod origin;
mod pictures;
mod process;
mod quota;
mod text;
mod urls;
mod videos;
