//! The rows of a job as a stream: partition by partition, each complete and safe before its first row is given out.
//!
//! A task may run twice, and twice in another order; so a partition's rows are given out only from a complete output
//! that can no longer be lost: the own store's, to which outputs of workers are copied first.

use super::Driver;
use super::message::{JobEvent, Message};
use super::report::JobReport;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use dpark_executor::error::store_error;
use dpark_lineage::{FetchFailed, JobId, StageId, TaskId};
use dpark_plan::JobPlan;
use dpark_shuffle::{BlockStream, FetchRequest, MapLocation};
use futures::{StreamExt, TryStreamExt};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Marks the attempt number of a copy in the driver's store.
const COPY: u32 = 1 << 31;

struct Results {
    driver: Arc<Driver>,
    job: JobId,
    stage: StageId,
    schema: SchemaRef,
    events: mpsc::UnboundedReceiver<JobEvent>,
    report: Option<oneshot::Sender<JobReport>>,
    ready: HashMap<u32, MapLocation>,
    next: u32,
    current: Option<BlockStream>,
    /// Whether rows of the current partition were given out.
    given: bool,
    over: bool,
}

/// Streams the results of a job.
pub(super) fn stream(
    driver: Arc<Driver>,
    job: JobId,
    plan: &JobPlan,
    events: mpsc::UnboundedReceiver<JobEvent>,
    report: Option<oneshot::Sender<JobReport>>,
) -> SendableRecordBatchStream {
    let schema = Arc::clone(&plan.schema);
    let results = Results {
        driver,
        job,
        stage: plan.target,
        schema: Arc::clone(&schema),
        events,
        report,
        ready: HashMap::new(),
        next: 0,
        current: None,
        given: false,
        over: false,
    };
    let batches = futures::stream::try_unfold(results, |mut results| async move {
        let batch = results.next_batch().await?;
        Ok(batch.map(|batch| (batch, results)))
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, batches))
}

impl Results {
    async fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(current) = &mut self.current {
                match current.next().await {
                    Some(Ok(batch)) => {
                        self.given = true;
                        return Ok(Some(batch));
                    }
                    Some(Err(failed)) => {
                        self.current = None;
                        self.broken(failed).await?;
                    }
                    None => {
                        self.current = None;
                        self.given = false;
                        self.tell(Message::Taken { job: self.job, partition: self.next });
                        self.next += 1;
                    }
                }
            } else if let Some(location) = self.ready.remove(&self.next) {
                match self.secure(location).await? {
                    Ok(own) => self.current = Some(self.read(own)),
                    Err(failed) => self.tell(Message::Lost(failed)),
                }
            } else {
                match self.events.recv().await {
                    Some(JobEvent::Ready { partition, location }) => {
                        self.ready.insert(partition, location);
                    }
                    Some(JobEvent::Finished(report)) => {
                        self.over = true;
                        if let Some(listener) = self.report.take() {
                            let _ = listener.send(*report);
                        }
                        return Ok(None);
                    }
                    Some(JobEvent::Failed(error)) => {
                        self.over = true;
                        return Err(error);
                    }
                    None => {
                        self.over = true;
                        return Err(crate::error::Error::Stopped.into());
                    }
                }
            }
        }
    }

    /// The output that is being read is gone: because the job has failed (then its error is the one to tell), or by
    /// damage. A partition of which rows were given out cannot be given again.
    async fn broken(&mut self, failed: FetchFailed) -> Result<()> {
        self.tell(Message::Lost(failed.clone()));
        while self.given {
            match self.events.recv().await {
                Some(JobEvent::Ready { partition, location }) if partition != self.next => {
                    self.ready.insert(partition, location);
                }
                Some(JobEvent::Failed(error)) => {
                    self.over = true;
                    return Err(error);
                }
                _ => return Err(DataFusionError::External(Box::new(failed))),
            }
        }
        Ok(())
    }

    /// Copies an output into the own store, unless it is there already.
    async fn secure(&mut self, location: MapLocation) -> Result<Result<MapLocation, FetchFailed>> {
        let store = Arc::clone(self.driver.executor.store());
        if location.executor == store.executor() {
            return Ok(Ok(location));
        }
        let attempt = location.attempt | COPY;
        let copy = TaskId { stage: self.stage, partition: location.map, attempt };
        let mut writer = store.writer(copy, Arc::clone(&self.schema), 1);
        let mut batches = self.read(location.clone());
        loop {
            match batches.try_next().await {
                Ok(Some(batch)) => writer.push(0, batch).map_err(store_error)?,
                Ok(None) => break,
                Err(failed) => return Ok(Err(failed)),
            }
        }
        writer.finish().map_err(store_error)?;
        Ok(Ok(MapLocation { map: location.map, attempt, executor: store.executor(), addr: None }))
    }

    fn read(&self, location: MapLocation) -> BlockStream {
        self.driver.fetcher.fetch(FetchRequest {
            stage: self.stage,
            buckets: 0..1,
            maps: vec![location],
            schema: Arc::clone(&self.schema),
        })
    }

    fn tell(&self, message: Message) {
        let _ = self.driver.inbox.send(message);
    }
}

impl Drop for Results {
    fn drop(&mut self) {
        if !self.over {
            self.tell(Message::Cancel(self.job));
        }
    }
}
