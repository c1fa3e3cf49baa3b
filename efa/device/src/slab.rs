//! Numbered things of one kind, up to a limit.

use alloc::vec::Vec;

/// A table whose entries keep their number while they live. A number is given again after its entry went.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    entries: Vec<Option<T>>,
    limit: usize,
}

impl<T> Slab<T> {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            entries: Vec::new(),
            limit,
        }
    }

    /// Puts `value` at the lowest free number; gives it back when the table is full.
    pub(crate) fn insert(&mut self, value: T) -> Result<u32, T> {
        let free = self.entries.iter().position(Option::is_none);
        let index = free.unwrap_or(self.entries.len());
        let number = match u32::try_from(index) {
            Ok(number) if index < self.limit => number,
            Ok(_) | Err(_) => return Err(value),
        };
        if index == self.entries.len() {
            self.entries.push(Some(value));
        } else {
            self.entries[index] = Some(value);
        }
        Ok(number)
    }

    #[inline]
    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        self.entries.get(number as usize)?.as_ref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        self.entries.get_mut(number as usize)?.as_mut()
    }

    pub(crate) fn remove(&mut self, number: u32) -> Option<T> {
        self.entries.get_mut(number as usize)?.take()
    }
}
