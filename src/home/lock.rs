//! One node on one home.

use std::fs::{self, File, TryLockError};
use std::io::Write;

use super::{Home, HomeError};

/// Holds a home for this process; the system lets go of it when the process ends.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "the open file is the lock")] File);

impl Home {
    /// Takes the home for this process.
    ///
    /// # Errors
    /// When another process has it.
    pub fn lock(&self) -> Result<Lock, HomeError> {
        let path = self.root().join("lock");
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = file.map_err(HomeError::io(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let pid = fs::read_to_string(&path).unwrap_or_default().trim().to_owned();
                return Err(HomeError::InUse { home: self.root().to_owned(), pid });
            }
            Err(TryLockError::Error(error)) => return Err(HomeError::io(&path)(error)),
        }
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(HomeError::io(&path))?;
        Ok(Lock(file))
    }
}
