//! One page of a list.

/// One page of a list, and where the next one begins.
#[derive(Debug)]
pub struct Page<T, C> {
    /// The items, newest first.
    pub items: Vec<T>,
    /// The cursor of the next page; `None` on the last one.
    pub next: Option<C>,
}

impl<T, C> Page<T, C> {
    /// The rows to query for a page of `limit` items: one more shows whether another page follows.
    pub(super) fn rows(limit: u8) -> i64 {
        i64::from(limit) + 1
    }

    /// Makes a page of `limit` items from the rows of such a query.
    pub(super) fn of_rows(mut rows: Vec<T>, limit: u8, cursor: impl FnOnce(&T) -> C) -> Self {
        let more = rows.len() > usize::from(limit);
        rows.truncate(limit.into());
        let next = rows.last().filter(|_| more).map(cursor);
        Self { items: rows, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_next_one_only_when_a_row_is_left_over() {
        for (rows, items, next) in [
            (vec![], vec![], None),
            (vec![9, 8], vec![9, 8], None),
            (vec![9, 8, 7], vec![9, 8], Some(8)),
        ] {
            let page = Page::of_rows(rows, 2, |last| *last);
            assert_eq!((page.items, page.next), (items, next));
        }
        assert_eq!(Page::<(), ()>::rows(200), 201);
    }
}
