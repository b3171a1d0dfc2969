//! A real S3 server over a folder.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// What requests said of the trace that they are a part of.
type Traces = Arc<Mutex<Vec<Option<String>>>>;

/// The server, until it is dropped. It has one bucket, and wants every request signed.
pub(crate) struct Server {
    folder: PathBuf,
    endpoint: String,
    denies_names: Arc<AtomicBool>,
    traces: Traces,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(name: &str) -> Server {
        let folder = std::env::temp_dir().join(format!("vedette-s3-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(folder.join("bucket")).unwrap();
        let (told, endpoint) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let (root, denies_names) = (folder.clone(), Arc::<AtomicBool>::default());
        let denies = Arc::clone(&denies_names);
        let traces = Traces::default();
        let seen = Arc::clone(&traces);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! {
                    () = serve(&root, told, denies, seen) => {}
                    _ = stopped => {}
                }
            });
        });
        let endpoint = endpoint.recv().unwrap();
        Server { folder, endpoint, denies_names, traces, stop: Some(stop), thread: Some(thread) }
    }

    /// From now on names may not be listed, nor is told what is absent: what S3 does for those who may only get objects.
    pub(crate) fn deny_names(&self) {
        self.denies_names.store(true, Ordering::SeqCst);
    }

    /// What was said since the last call of the trace that a request is a part of, a request each.
    pub(crate) fn take_traces(&self) -> Vec<Option<String>> {
        std::mem::take(&mut self.traces.lock().unwrap())
    }

    /// Where a file of the bucket is on disk.
    pub(crate) fn file(&self, key: &str) -> PathBuf {
        self.folder.join("bucket").join(key)
    }

    /// The variables by which its tools would find it.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let pairs = [
            ("AWS_ENDPOINT_URL", self.endpoint.as_str()),
            ("AWS_ACCESS_KEY_ID", KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
            ("AWS_REGION", "eu-west-1"),
            ("PATH", "/bin"),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn serve(root: &Path, told: mpsc::Sender<String>, denies_names: Arc<AtomicBool>, traces: Traces) {
    let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(root).unwrap());
    builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
    let service = builder.build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    told.send(format!("http://{}", listener.local_addr().unwrap())).unwrap();
    while let Ok((stream, _)) = listener.accept().await {
        let (service, denies_names, traces) = (service.clone(), Arc::clone(&denies_names), Arc::clone(&traces));
        let answer = service_fn(move |request: Request<hyper::body::Incoming>| {
            let (is_list, is_head) =
                (request.uri().query().is_some_and(|query| query.contains("list-type")), request.method() == "HEAD");
            let trace = request.headers().get("traceparent").and_then(|trace| Some(trace.to_str().ok()?.to_owned()));
            traces.lock().unwrap().push(trace);
            let (service, denies) = (service.clone(), denies_names.load(Ordering::SeqCst));
            async move {
                let answer = service.call(request.map(s3s::Body::from)).await?;
                let is_denied = denies && (is_list || answer.status() == StatusCode::NOT_FOUND);
                Ok::<_, s3s::HttpError>(if is_denied { denied(is_head) } else { answer })
            }
        });
        tokio::spawn(async move {
            let server = auto::Builder::new(TokioExecutor::new());
            let _ = server.serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

fn denied(is_head: bool) -> Response<s3s::Body> {
    let text = if is_head { "" } else { "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>" };
    let mut answer = Response::new(s3s::Body::from(text.to_owned()));
    *answer.status_mut() = StatusCode::FORBIDDEN;
    answer
}
