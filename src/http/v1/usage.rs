//! `GET /api/v1/usage`: what the tenant used, by kind of work and day.

use std::collections::HashMap;

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    response,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use time::{
    Date, Duration, Month, OffsetDateTime, Time, format_description::well_known::Rfc3339,
    macros::datetime,
};

use crate::{
    domain::{DayUse, MeteredOperation},
    http::{
        error::ApiError,
        extract::VerifiedCaller,
        openapi::{Answer, Operation, Tag},
        wire,
    },
    service::{Context, usage},
};

/// Most days that one answer covers.
const MOST_DAYS: i64 = 366;

/// What was used in a period.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Usage")]
struct Response {
    /// The tenant whose usage it is.
    tenant_id: String,
    /// The first hour that is counted.
    from: wire::Time,
    /// The end, which is not counted.
    to: wire::Time,
    operations: CallCounts,
    /// The days on which there were calls.
    days: Vec<Day>,
}

/// How often each kind of work was done.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct CallCounts {
    /// Photos that were registered.
    register: u64,
    /// Photos that were protected.
    protect: u64,
    /// Images that were verified.
    verify: u64,
    /// Images that were looked for.
    identify: u64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Day {
    #[schemars(extend("format" = "date"))]
    day: String,
    #[serde(flatten)]
    sums: CallCounts,
}

pub(in crate::http) fn describe() -> Operation {
    let day: Value = json!({
        "type": "string",
        "anyOf": [{ "format": "date" }, { "format": "date-time", "pattern": "T00:00:00Z$" }],
    });
    let sums = || CallCounts {
        register: 5,
        protect: 3,
        verify: 120,
        identify: 7,
    };
    let example = Response {
        tenant_id: "demo".to_owned(),
        from: wire::Time(datetime!(2026-11-01 00:00 UTC)),
        to: wire::Time(datetime!(2026-12-01 00:00 UTC)),
        operations: sums(),
        days: vec![Day {
            day: "2026-11-22".to_owned(),
            sums: sums(),
        }],
    };
    Operation::new("getUsage", Tag::Tenant, "What the tenant used, by kind of work and day")
        .about("Whole days of UTC, at most 366 of them; without `from` and `to`, the present month. `to` is after `from`. Days without calls are left out.")
        .query("from", "The first day.", &day)
        .query("to", "The day after the last.", &day)
        .answers(Answer::json(200, "What was used.", &example))
}

/// Reports from the start of the day `from` to the start of the day `to`; without them, the present
/// month.
pub(in crate::http) async fn handler(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    query: Result<Query<HashMap<String, String>>, QueryRejection>,
) -> Result<response::Response, ApiError> {
    let Query(mut query) = query.map_err(|_| ApiError::field("query", "is not well-formed"))?;
    query.retain(|_, value| !value.is_empty());
    let (first, next) = month(ctx.clock.now().date());
    let read = |field: &'static str, otherwise| match query.get(field) {
        None => Ok(otherwise),
        Some(text) => day(text).ok_or_else(|| {
            ApiError::field(
                field,
                "must be a day of UTC: 2026-11-01 or 2026-11-01T00:00:00Z",
            )
        }),
    };
    let (from, to) = (read("from", first)?, read("to", next)?);
    if from >= to || to - from > Duration::days(MOST_DAYS) {
        return Err(ApiError::field("to", "must be 1 to 366 days after from"));
    }
    let used = usage::report(&ctx, &caller.tenant, from, to).await?;
    let days = used.chunk_by(|one, other| one.day == other.day);
    wire::json(&Response {
        tenant_id: caller.tenant.to_string(),
        from: wire::Time(from.midnight().assume_utc()),
        to: wire::Time(to.midnight().assume_utc()),
        operations: CallCounts::of(&used),
        days: days
            .map(|of_day| Day {
                day: of_day[0].day.to_string(),
                sums: CallCounts::of(of_day),
            })
            .collect(),
    })
}

impl CallCounts {
    fn of(used: &[DayUse]) -> Self {
        let calls = |operation| {
            let of_kind = used.iter().filter(|one| one.operation == operation);
            of_kind.map(|one| one.calls.unsigned_abs()).sum()
        };
        Self {
            register: calls(MeteredOperation::Register),
            protect: calls(MeteredOperation::Protect),
            verify: calls(MeteredOperation::Verify),
            identify: calls(MeteredOperation::Identify),
        }
    }
}

/// The first day of a day's month, and of the next.
fn month(day: Date) -> (Date, Date) {
    let first = |year, month: Month| Date::from_calendar_date(year, month, 1).unwrap_or(day);
    let following = day.month().next();
    let year = day.year() + i32::from(following == Month::January);
    (first(day.year(), day.month()), first(year, following))
}

/// A day alone, or the moment at which it begins in UTC.
fn day(text: &str) -> Option<Date> {
    let moment = match text.len() {
        10 => OffsetDateTime::parse(&format!("{text}T00:00:00Z"), &Rfc3339),
        _ => OffsetDateTime::parse(text, &Rfc3339),
    };
    let moment = moment.ok()?.to_offset(time::UtcOffset::UTC);
    (moment.time() == Time::MIDNIGHT).then(|| moment.date())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_and_other_moments_refused() {
        let first = Date::from_calendar_date(2026, Month::November, 1).ok();
        for text in [
            "2026-11-01",
            "2026-11-01T00:00:00Z",
            "2026-11-01T02:00:00+02:00",
        ] {
            assert_eq!(day(text), first, "{text}");
        }
        for text in [
            "",
            "2026-11",
            "2026-13-01",
            "2026-11-01T00:00:01Z",
            "yesterday",
            "2026-02-30",
        ] {
            assert_eq!(day(text), None, "{text}");
        }
    }

    #[test]
    fn a_month_ends_where_the_next_begins() {
        for (day_of, first, next) in [
            ("2026-11-22", "2026-11-01", "2026-12-01"),
            ("2026-12-31", "2026-12-01", "2027-01-01"),
            ("2028-02-29", "2028-02-01", "2028-03-01"),
        ] {
            let day = |text| day(text).unwrap();
            assert_eq!(month(day(day_of)), (day(first), day(next)));
        }
    }
}
