//! One request, as a collector is told of it.

use std::time::{Duration, Instant, SystemTime};

use super::context::{Ids, Parent, SpanId, TraceId};

/// The span of a request: begun when its head has come, and filled in when its answer is ready.
#[derive(Debug)]
pub struct Span {
    pub(super) trace: TraceId,
    pub(super) id: SpanId,
    pub(super) parent: Option<SpanId>,
    pub(super) begun: SystemTime,
    clock: Instant,
    pub(super) took: Duration,
    pub(super) name: String,
    pub(super) attributes: Vec<(&'static str, Value)>,
    pub(super) is_failed: bool,
    pub(super) steps: Vec<(&'static str, Duration)>,
}

/// What an attribute may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
}

impl Span {
    pub(super) fn begin(ids: Ids, parent: Option<Parent>) -> Span {
        Span {
            trace: parent.map_or(ids.trace, |parent| parent.trace),
            id: ids.span,
            parent: parent.map(|parent| parent.span),
            begun: SystemTime::now(),
            clock: Instant::now(),
            took: Duration::ZERO,
            name: String::new(),
            attributes: Vec::new(),
            is_failed: false,
            steps: Vec::new(),
        }
    }

    /// What those who are asked next are told in `traceparent`, and whoever asked may look it up by.
    pub fn context(&self) -> String {
        format!("00-{}-{}-01", self.trace, self.id)
    }

    /// Ends it now, under a name of which there are few.
    pub fn end(&mut self, name: String, is_failed: bool) {
        (self.took, self.name, self.is_failed) = (self.clock.elapsed(), name, is_failed);
    }

    /// Says more of it, by a name of OpenTelemetry's conventions for HTTP or of this service's.
    pub fn tell(&mut self, name: &'static str, value: impl Into<Value>) {
        self.attributes.push((name, value.into()));
    }

    /// A step that it took.
    pub fn step(&mut self, name: &'static str, took: Duration) {
        self.steps.push((name, took));
    }

    /// When each step began and how long it took, as far as durations tell: one after the other, up to the end. Those that would
    /// reach beyond were done side by side, and end there.
    pub(super) fn laid_out(&self) -> Vec<(&'static str, Duration, Duration)> {
        let mut at = Duration::ZERO;
        let lay = |(name, took): &(&'static str, Duration)| {
            let took = (*took).min(self.took);
            let begun = at.min(self.took - took);
            at = begun + took;
            (*name, begun, took)
        };
        self.steps.iter().map(lay).collect()
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        Value::Number(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_lie_within() {
        let mut span = Span::begin(Ids::fresh(), None);
        let ms = Duration::from_millis;
        span.took = ms(10);
        for (name, took) in [("plan", 2), ("read", 3), ("decode", 8), ("encode", 20)] {
            span.step(name, ms(took));
        }
        let expected =
            [("plan", ms(0), ms(2)), ("read", ms(2), ms(3)), ("decode", ms(2), ms(8)), ("encode", ms(0), ms(10))];
        assert_eq!(span.laid_out(), expected);
    }
}
