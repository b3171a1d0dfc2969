//! What it costs to know who asks: a session read and verified.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use vedette::access::secret::Secret;
use vedette::access::session::{self, Claims, Privileges, Role, v1, v2};
use vedette::entry::PartnerId;

fn claims() -> Claims {
    Claims {
        partner: PartnerId(101),
        expiry: 1_893_456_000,
        role: Role::User,
        user: "user@example.com".to_owned(),
        privileges: Privileges::parse("sview:0_abc12345,list:*,urirestrict:/p/101/*"),
        master_partner: None,
        data: String::new(),
    }
}

fn sessions(c: &mut Criterion) {
    let (right, rotated) = (Secret::list("a1b2c3d4e5f60718293a4b5c6d7e8f90"), Secret::list("new,newer,newest"));
    let wrong = Secret::list("ffffffffffffffffffffffffffffffff");
    let (Ok(first), Ok(second)) =
        (v1::make(&claims(), "1234.5678", &right[0]), v2::make(&claims(), [7; 16], &right[0]))
    else {
        panic!("the claims of the bench can be written");
    };
    let rotated = [rotated, right.clone()].concat();
    let mut group = c.benchmark_group("session");
    for (name, text, secrets) in [
        ("v1", &first, &right),
        ("v2", &second, &right),
        ("v2, the fourth secret", &second, &rotated),
        ("v2, a wrong secret", &second, &wrong),
        ("v2, nobody's secret", &second, &Vec::new()),
    ] {
        group.bench_function(name, |b| b.iter(|| session::read(black_box(text)).and_then(|read| read.verify(secrets))));
    }
    let long = "djJ8".repeat(2048);
    group.bench_function("8 KiB of nothing", |b| b.iter(|| session::read(black_box(&long)).is_ok()));
    group.finish();
}

criterion_group!(benches, sessions);
criterion_main!(benches);
