//! Writes TIFF structures for the corpus, in both byte orders.

/// A value of an entry.
pub(super) enum Value {
    /// Type and bytes as they are to be stored; the count follows from both.
    Plain(u16, Vec<u8>),
    /// A directory that the entry points at.
    Directory(Vec<(u16, Value)>),
    /// A maker note: its head, its entries, and whether its pointers count from the note rather
    /// than from the block.
    Note(Vec<u8>, Vec<(u16, Value)>, bool),
}

/// A text with its final zero.
pub(super) fn text(text: &str) -> Value {
    Value::Plain(2, [text.as_bytes(), &[0]].concat())
}

/// Writes in one byte order.
#[derive(Clone, Copy)]
pub(super) struct Writer {
    pub(super) is_little: bool,
}

impl Writer {
    pub(super) fn u16(self, value: u16) -> Vec<u8> {
        let bytes = value.to_be_bytes();
        self.ordered(&bytes)
    }

    pub(super) fn u32(self, value: usize) -> Vec<u8> {
        let bytes = (value as u32).to_be_bytes();
        self.ordered(&bytes)
    }

    pub(super) fn double(self, value: f64) -> Vec<u8> {
        self.ordered(&value.to_be_bytes())
    }

    fn ordered(self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        if self.is_little {
            bytes.reverse();
        }
        bytes
    }

    pub(super) fn short(self, value: u16) -> Value {
        Value::Plain(3, self.u16(value))
    }

    pub(super) fn long(self, value: usize) -> Value {
        Value::Plain(4, self.u32(value))
    }

    pub(super) fn rationals(self, numbers: &[usize]) -> Value {
        Value::Plain(5, numbers.iter().flat_map(|&n| self.u32(n)).collect())
    }

    pub(super) fn doubles(self, numbers: &[f64]) -> Value {
        Value::Plain(12, numbers.iter().flat_map(|&n| self.double(n)).collect())
    }

    /// Writes a block: the first directory, and a JPEG in a second one, if there is one.
    pub(super) fn block(self, first: Vec<(u16, Value)>, thumbnail: Option<&[u8]>) -> Vec<u8> {
        let mut block = if self.is_little {
            b"II*\0".to_vec()
        } else {
            b"MM\0*".to_vec()
        };
        block.extend(self.u32(8));
        let next = self.directory(&mut block, first, 0);
        if let Some(jpeg) = thumbnail {
            let at = block.len();
            block[next..next + 4].copy_from_slice(&self.u32(at));
            let behind = at + 2 + 3 * 12 + 4;
            let second = vec![
                (0x0103, self.short(6)),
                (0x0201, self.long(behind)),
                (0x0202, self.long(jpeg.len())),
            ];
            self.directory(&mut block, second, 0);
            block.extend_from_slice(jpeg);
        }
        block
    }

    /// Writes a directory at the end of the block, followed by what its entries point at; pointers
    /// count from `base`. Returns the position of its pointer to the next one.
    fn directory(self, block: &mut Vec<u8>, mut entries: Vec<(u16, Value)>, base: usize) -> usize {
        entries.sort_by_key(|entry| entry.0);
        let start = block.len();
        let next = start + 2 + 12 * entries.len();
        block.extend(self.u16(entries.len() as u16));
        block.resize(next + 4, 0);
        for (index, (tag, value)) in entries.into_iter().enumerate() {
            let at = start + 2 + 12 * index;
            let target = block.len();
            let (kind, count, stored) = match value {
                Value::Plain(kind, bytes) => {
                    let size = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8][usize::from(kind)];
                    let count = bytes.len() / size;
                    let stored = if bytes.len() <= 4 {
                        bytes
                    } else {
                        block.extend(bytes);
                        self.u32(target - base)
                    };
                    (kind, count, stored)
                }
                Value::Directory(entries) => {
                    self.directory(block, entries, base);
                    (4, 1, self.u32(target - base))
                }
                Value::Note(head, entries, has_own_base) => {
                    block.extend(head);
                    let base = if has_own_base { target } else { base };
                    self.directory(block, entries, base);
                    (7, block.len() - target, self.u32(target))
                }
            };
            let entry = [self.u16(tag), self.u16(kind), self.u32(count), stored].concat();
            block[at..at + entry.len()].copy_from_slice(&entry);
            if block.len() % 2 == 1 {
                block.push(0);
            }
        }
        next
    }
}
