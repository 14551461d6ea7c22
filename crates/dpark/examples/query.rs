//! Runs one SQL statement: `cargo run --release --example query -- MASTER SQL`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    dpark::init();
    let mut args = std::env::args().skip(1);
    let (Some(master), Some(sql)) = (args.next(), args.next()) else {
        return Err("usage: query MASTER SQL".into());
    };
    let ctx = dpark::Context::builder().master(master).build()?;
    tokio::runtime::Runtime::new()?.block_on(async {
        ctx.sql(&sql).await?.show().await?;
        ctx.stop().await;
        Ok(())
    })
}
