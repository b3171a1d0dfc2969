//! The command `serve`: parts to service, and the signals that tell it to stop or to read its settings again.

use std::io::{self, IsTerminal};
use std::sync::Arc;

use clap::ArgMatches;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch::{self, Sender};
use tokio::task::spawn_blocking;
use tracing_subscriber::filter::LevelFilter;
use vedette::catalog::Catalog;
use vedette::config::{Level, Log, LogFormat, Settings};
use vedette::deliver::Delivery;
use vedette::error::Error;
use vedette::server::{House, Server};

use super::{Outcome, delivery, fault, print, runtime, settings, systemd};

/// Answers requests until SIGTERM or SIGINT, then finishes the open ones; a second signal ends it at once. SIGHUP has it read
/// its settings again.
pub(super) fn run(given: &ArgMatches) -> Outcome {
    let settings = settings(given)?;
    log(settings.log);
    let handed = systemd::listeners().map_err(fault)?;
    let runtime = runtime()?;
    let outcome: Outcome = runtime.block_on(async {
        let (catalog, delivery) = delivery(&settings)?;
        match delivery.open().map_err(fault)? {
            Some(walls) => tracing::info!(%walls, "media is decoded in processes of their own"),
            None => tracing::warn!("media is decoded by the service itself: decode_isolation is none"),
        }
        let delivery = Arc::new(delivery);
        let mut signals = Signals::new().map_err(fault)?;
        let house = House::new(&settings.server, Arc::clone(&delivery)).map_err(fault)?;
        let server = Server::bind(&settings.server, handed).await.map_err(fault)?;
        let scheme = if settings.server.tls_certificate.is_some() { "https" } else { "http" };
        print(format_args!("vedette answers on {scheme}://{}\n", server.address().map_err(fault)?))?;
        if let Some(address) = server.admin_address().map_err(fault)? {
            print(format_args!("health and metrics on http://{address}\n"))?;
        }
        systemd::ready();
        let survey = tokio::spawn(survey(catalog));
        let (houses, house) = watch::channel(Arc::new(house));
        let mut running = Running { settings, delivery, houses };
        let stop = async move {
            while signals.next().await == Told::Renew {
                running.renew(given).await;
            }
            tracing::info!("stopping");
            systemd::stopping();
            tokio::spawn(async move {
                while signals.next().await == Told::Renew {}
                std::process::exit(1);
            });
        };
        let outcome = server.serve(house, stop).await.map_err(fault);
        survey.abort();
        outcome
    });
    // Threads that a disk holds that hangs are not waited for.
    runtime.shutdown_background();
    outcome
}

async fn survey(catalog: Catalog) {
    match catalog.survey().await {
        Ok(Some(entries)) => tracing::info!(entries, "the library is listed"),
        Ok(None) => {}
        Err(error) => tracing::warn!(?error, "the library cannot be listed"),
    }
}

/// What a running service was made of.
struct Running {
    settings: Settings,
    delivery: Arc<Delivery>,
    houses: Sender<Arc<House>>,
}

impl Running {
    /// Reads the settings again, and the files that they name. Where anything is wrong with them, the service goes on with
    /// those that it has.
    async fn renew(&mut self, given: &ArgMatches) {
        systemd::renewing();
        let is_taken = match self.renewed(given).await {
            Ok(waiting) if waiting.is_empty() => {
                tracing::info!("the settings were read again");
                true
            }
            Ok(waiting) => {
                let waiting = waiting.join(", ");
                tracing::warn!(waiting, "the settings were read again; some take effect at the next start");
                true
            }
            Err(faults) => {
                let faults = faults.join("; ");
                tracing::error!(faults, "the settings cannot be used; the service goes on with the old ones");
                false
            }
        };
        systemd::ready();
        let label = if is_taken { "taken" } else { "refused" };
        metrics::counter!("vedette_config_reloads_total", "outcome" => label).increment(1);
        metrics::gauge!("vedette_config_last_reload_successful").set(f64::from(u8::from(is_taken)));
    }

    async fn renewed(&mut self, given: &ArgMatches) -> Result<Vec<&'static str>, Vec<String>> {
        let (next, waiting) = self.settings.renewed(&settings(given)?);
        let (delivery, house, wanted) = (Arc::clone(&self.delivery), Arc::clone(&self.houses.borrow()), next.clone());
        let renewed = move || {
            let delivery = Arc::new(delivery.renewed(&wanted.deliver, &wanted.access)?);
            let house = Arc::new(house.renewed(&wanted.server, Arc::clone(&delivery))?);
            Ok::<_, Error>((delivery, house))
        };
        let (delivery, house) = spawn_blocking(renewed).await.map_err(fault)?.map_err(fault)?;
        self.houses.send_replace(house);
        (self.settings, self.delivery) = (next, delivery);
        Ok(waiting)
    }
}

/// The signals that the service listens to.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

/// What a signal tells the service.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Stop,
    Renew,
}

impl Signals {
    fn new() -> io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::Stop,
            _ = self.interrupt.recv() => Told::Stop,
            _ = self.hangup.recv() => Told::Renew,
        }
    }
}

/// Begins to log, to the standard error.
fn log(log: Log) {
    let level = match log.level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    };
    let lines = tracing_subscriber::fmt().with_writer(io::stderr).with_max_level(level);
    match log.format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
    // A panic ends the work of one request; the log tells of it in the form that was asked for.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, message = panic.payload_as_str().unwrap_or_default(), "panic");
    }));
}
