//! One flat JSON object a line: what the event says, and once what its spans say of it.

use std::{
    fmt::{self, Write as _},
    io::Write as _,
};

use serde_json::{Map, Value};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer,
    fmt::{
        MakeWriter,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    layer::Context,
    registry::LookupSpan,
};

/// What the crate `log` puts among the fields of an event that came of it.
const OF_LOG: &str = "log.";

/// Writes each event to what `W` makes.
#[derive(Debug)]
pub(super) struct JsonLines<W>(W);

impl<W> JsonLines<W> {
    pub(super) fn new(writer: W) -> Self {
        Self(writer)
    }
}

/// Fields by name; a later value takes the place of an earlier one.
#[derive(Debug, Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        if !field.name().starts_with(OF_LOG) {
            self.0.insert(field.name().to_owned(), value.into());
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        // Only a value that refuses to be written fails.
        write!(text, "{value:?}").ok();
        self.put(field, text);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }
}

impl<S, W> Layer<S> for JsonLines<W>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        if let Some(span) = ctx.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: Context<'_, S>) {
        if let Some(span) = ctx.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        let mut line = Fields::default();
        let mut time = String::new();
        // Neither the time nor a string refuses to be written.
        SystemTime.format_time(&mut Writer::new(&mut time)).ok();
        let metadata = event.metadata();
        for (name, value) in [
            ("timestamp", time.as_str()),
            ("level", metadata.level().as_str()),
            ("target", metadata.target()),
        ] {
            line.0.insert(name.to_owned(), value.into());
        }
        for span in ctx.event_scope(event).into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<Fields>() {
                for (name, value) in &fields.0 {
                    // The inner span's, which came first.
                    line.0.entry(name).or_insert_with(|| value.clone());
                }
            }
        }
        event.record(&mut line);
        let mut text = Value::Object(line.0).to_string();
        text.push('\n');
        // There is nobody to tell that the log cannot be written.
        self.0.make_writer().write_all(text.as_bytes()).ok();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::json;
    use tracing_subscriber::{layer::SubscriberExt, registry};

    use super::*;

    /// Keeps what is written.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_one_flat_object_in_which_the_event_has_the_last_word() {
        let written = Written::default();
        let writer = {
            let written = written.clone();
            move || written.clone()
        };
        tracing::subscriber::with_default(registry().with(JsonLines::new(writer)), || {
            let outer =
                tracing::info_span!("outer", a = 1, b = "outer", late = tracing::field::Empty);
            let inner = outer.in_scope(|| tracing::info_span!("inner", b = "inner"));
            outer.record("late", 2.5);
            inner.in_scope(|| tracing::warn!(a = true, c = -3, d = ?"x\ny", "told\n\"so\""));
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        let mut line: Value = serde_json::from_str(&text).unwrap();
        let time = line["timestamp"].take();
        assert!(time.as_str().is_some_and(|time| time.ends_with('Z')));
        assert_eq!(
            line,
            json!({
                "timestamp": null, "level": "WARN", "target": module_path!(), "message": "told\n\"so\"",
                "a": true, "b": "inner", "c": -3, "d": "\"x\\ny\"", "late": 2.5,
            })
        );
    }
}
