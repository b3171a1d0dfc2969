//! What an answer costs that is not made: a hit on each way through the server, and a 304. One connection, client included.

#![allow(clippy::unwrap_used)] // a bench that cannot set up has nothing to measure

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tokio::sync::watch;
use vedette::access::partner::Config as AccessConfig;
use vedette::cache::{Cache, Limits};
use vedette::catalog::{Catalog, Config as CatalogConfig};
use vedette::deliver::{Config as DeliverConfig, Delivery};
use vedette::origin::Origin;
use vedette::server::{Config, House, Server};

const TARGET: &str = "/p/1/thumbnail/entry_id/0_noise/width/320/quality/75";

/// A folder with one picture, whose thumbnail has some twenty kilobytes.
fn library() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("vedette-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut state = 1_u32;
    let picture = image::RgbImage::from_fn(320, 180, |x, y| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = (state >> 27) as u8;
        image::Rgb([(x / 2) as u8 ^ noise, y as u8 ^ noise, 128 + noise])
    });
    picture.save(folder.join("0_noise.png")).unwrap();
    folder
}

/// Serves `folder` in a thread of its own for the rest of the process.
fn serve(folder: &Path) -> SocketAddr {
    let (tell, told) = std::sync::mpsc::channel();
    let media = folder.to_owned();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let origin = Origin::folder(&media).unwrap();
            let catalog = Catalog::open(&CatalogConfig { media, ..CatalogConfig::default() }, origin.clone()).unwrap();
            let mut settings = DeliverConfig::default();
            settings.place.cage.program = env!("CARGO_BIN_EXE_vedette").into();
            let delivery = Delivery::new(&settings, &AccessConfig::default(), catalog, origin).unwrap();
            let listen = SocketAddr::from(([127, 0, 0, 1], 0));
            let config = Config { listen, admin_listen: None, ..Config::default() };
            let house = House::new(&config, Arc::new(delivery)).unwrap();
            let server = Server::bind(&config, Vec::new()).await.unwrap();
            tell.send(server.address().unwrap()).unwrap();
            server.serve(watch::channel(Arc::new(house)).1, std::future::pending()).await.unwrap();
        });
    });
    told.recv().unwrap()
}

/// Sends a request and reads its answer, whose length the first answer told.
struct Client {
    stream: TcpStream,
    request: String,
    length: usize,
    buffer: Vec<u8>,
}

impl Client {
    fn new(address: SocketAddr, fields: &str) -> Client {
        let request = format!("GET {TARGET} HTTP/1.1\r\nHost: bench\r\n{fields}\r\n");
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut client = Client { stream, request, length: 0, buffer: vec![0; 1 << 20] };
        // The second answer is a hit, whose length the others share.
        client.measure();
        client.measure();
        client
    }

    fn measure(&mut self) {
        self.stream.write_all(self.request.as_bytes()).unwrap();
        self.stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        self.length = 0;
        while let Ok(count @ 1..) = self.stream.read(&mut self.buffer) {
            self.length += count;
        }
        self.stream.set_read_timeout(None).unwrap();
    }

    fn ask(&mut self) -> usize {
        self.stream.write_all(self.request.as_bytes()).unwrap();
        self.stream.read_exact(&mut self.buffer[..self.length]).unwrap();
        self.length
    }
}

/// The strong entity tag of the picture.
fn etag(address: SocketAddr) -> String {
    let client = Client::new(address, "");
    let text = String::from_utf8_lossy(&client.buffer[..2000]).into_owned();
    let rest = text.split("etag: ").nth(1).unwrap();
    rest.lines().next().unwrap().to_owned()
}

fn answers(c: &mut Criterion) {
    let folder = library();
    let address = serve(&folder);
    let tag = etag(address);
    let mut group = c.benchmark_group("answer");
    for (name, fields) in [
        ("hit", String::new()),
        ("hit by way of hyper", "If-None-Match: \"x\"\r\n".to_owned()),
        ("not modified", format!("If-None-Match: {tag}\r\n")),
    ] {
        let mut client = Client::new(address, &fields);
        group.throughput(Throughput::Bytes(client.length as u64));
        group.bench_function(name, |b| b.iter(|| client.ask()));
    }
    group.finish();
    std::fs::remove_dir_all(folder).unwrap();
}

fn cache(c: &mut Criterion) {
    let limits = Limits { bytes_max: 1 << 30, age_max: Duration::from_secs(60), failures_kept: Duration::from_secs(5) };
    let cache: Cache<[u8; 16], Arc<[u8]>> = Cache::new(limits, |_, value: &Arc<[u8]>| value.len());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let keys: Vec<[u8; 16]> = (0..10_000_u128).map(|key| (key * 0x9e37_79b9_7f4a_7c15).to_be_bytes()).collect();
    for key in &keys {
        runtime.block_on(cache.get_or_make(*key, || async { Ok(Arc::from(vec![0; 20])) })).unwrap();
    }
    let mut group = c.benchmark_group("cache");
    group.throughput(Throughput::Elements(1));
    let mut at = 0;
    group.bench_function("hit", |b| {
        b.iter(|| {
            at = (at + 7919) % keys.len();
            black_box(cache.get(&keys[at]))
        });
    });
    group.finish();
}

criterion_group!(benches, answers, cache);
criterion_main!(benches);
