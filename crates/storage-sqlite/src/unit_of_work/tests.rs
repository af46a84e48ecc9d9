//! A connection on which SQLite rolled back by itself, as after some disk failures.

use keyward_storage::StorageError;
use keyward_storage::shortcuts::StoreShortcuts as _;

use crate::{Options, error::refused, testing};

/// Without a replacement, sqlx would consider the transaction open, and refuse every later one on that connection.
#[tokio::test]
async fn a_connection_that_rolled_back_by_itself_is_replaced() {
    let (store, _folder) = testing::open_with(&Options::default()).await;
    for _ in 0..2 {
        let mut transaction = store.write().await.unwrap();
        sqlx::query("ROLLBACK").execute(&mut *transaction).await.unwrap();
        assert!(transaction.commit().await.is_err(), "no transaction is left to commit");
        store.begin().await.unwrap().commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_row_of_a_wrong_shape_is_corrupt() {
    let (store, _folder) = testing::open_with(&Options::default()).await;
    let error = sqlx::query_scalar::<_, uuid::Uuid>("SELECT x'00'").fetch_one(store.readers.plain()).await.unwrap_err();
    assert!(matches!(refused(error), StorageError::Corrupt { .. }));
}
