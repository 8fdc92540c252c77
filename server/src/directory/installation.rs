//! The id of the installation in the database.

use super::{
    Directory, Result,
    db::{select, sql},
};
use crate::ids::InstallationId;

impl Directory {
    /// The id that the database holds; none before the first start.
    pub async fn installation(&self) -> Result<Option<InstallationId>> {
        let row: Option<(InstallationId,)> = self.db.optional(select!("select id from installation")).await?;
        Ok(row.map(|(id,)| id))
    }

    /// Stores `id`, unless the database has one; returns the stored one.
    pub async fn keep_installation(&self, id: InstallationId) -> Result<InstallationId> {
        let insert = "insert into installation (only_row, id) values (1, $1) on conflict (only_row) do nothing";
        self.keep_books(sql!(insert, id)).await?;
        Ok(self.installation().await?.unwrap_or(id))
    }
}
