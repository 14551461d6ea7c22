//! Fingerprints: what a stage computes, as a value that can be compared.
//!
//! Two stages with the same fingerprint leave the same rows, so one output serves both: within a job (a common
//! subquery that was planned twice) and between jobs (an exchange that an earlier job has finished).
//!
//! A fingerprint is a BLAKE3 digest of
//! - the encoded fragment and sink, in which a read of another stage is replaced by that stage's fingerprint, and the
//!   numbers of dynamic filters by their order. Scans are encoded with path, size, modification time and the store's tag
//!   of each file (locally the tag holds the inode), so a file that was written again gives another fingerprint. What is
//!   changed in place under the same size and time is not seen;
//! - the runtime filters set in the fragment: whose keys, of which stage;
//! - the session's options, as they change what an expression means.
//!
//! A stage with runtime filters has a second one, of what it would compute without them: its rows are among those of a
//! stage with that fingerprint, and whoever reads it would drop the others anyway. If such a stage runs in the same job,
//! computing the rows a second time to have fewer of them is no gain.
//!
//! There is none for a stage that has no encoding, changes the world, reads a large table in memory, or calls a volatile
//! function such as `random()`, nor for one that reads such a stage. A use of a closure is equal only to itself, and one
//! that adds to accumulators only within one job: the next action shall count again.

use crate::argument::Header;
use crate::codec::{self, DparkCodec};
use crate::dataset::ClosureExec;
use crate::runtime_filter::RuntimeFilter;
use crate::shuffle_read::ShuffleReadExec;
use crate::sink::StageSinkExec;
use crate::stage::{JobPlan, StagePlan};
use arrow::datatypes::Schema;
use datafusion::common::{Result, internal_err, not_impl_err};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{AggregateUDF, HigherOrderUDF, Operator, ScalarUDF, Volatility, WindowUDF};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, lit};
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::bytes::physical_plan_to_bytes_with_proto_converter;
use datafusion_proto::physical_plan::to_proto::serialize_physical_expr_with_converter;
use datafusion_proto::physical_plan::{
    PhysicalExtensionCodec, PhysicalPlanDecodeContext, PhysicalPlanNodeExt, PhysicalProtoConverterExtension,
};
use datafusion_proto::protobuf::{PhysicalExprNode, PhysicalPlanNode};
use dpark_lineage::{Placement, StageId};
use dpark_wire::Wire;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// Tables in memory are compared by their bytes; larger ones, not at all.
const MAX_MEMORY_TABLE: usize = 1 << 20;

/// What a stage computes; see the module.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 32]);

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..6].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Fingerprint {
    /// Of a kept data set: its stage's name, which is never used for anything else.
    fn of_kept(stage: StageId) -> Self {
        Self(*blake3::Hasher::new_derive_key("dpark kept stage").update(&stage.0.to_le_bytes()).finalize().as_bytes())
    }
}

/// The fingerprints of a job's stages, as far as they have one.
#[derive(Debug, Clone, Default)]
pub struct Fingerprints {
    /// What each stage computes.
    pub of: HashMap<StageId, Fingerprint>,
    /// What stages with runtime filters would compute without them.
    pub unfiltered: HashMap<StageId, Fingerprint>,
}

/// Computes the fingerprints of a job. `options` are those of its session; `known` has the functions whose names mean the
/// same at all times.
pub fn fingerprints(job: &JobPlan, options: &[(String, String)], known: &Arc<TaskContext>) -> Fingerprints {
    let mut session = blake3::Hasher::new();
    // What its tasks take of a cluster does not change what they compute.
    for (key, value) in options.iter().filter(|(key, _)| !key.starts_with("task.")) {
        put(&mut session, key.as_bytes());
        put(&mut session, value.as_bytes());
    }
    let session = session.finalize();
    let digest = |bytes: Vec<u8>| {
        let mut hasher = blake3::Hasher::new();
        hasher.update(session.as_bytes()).update(&bytes);
        Fingerprint(*hasher.finalize().as_bytes())
    };
    let mut found = Fingerprints::default();
    for stage in &job.stages {
        if job.is_pinned(stage.id) {
            found.of.insert(stage.id, Fingerprint::of_kept(stage.id));
            continue;
        }
        if !stage.filters.is_empty()
            && let Ok(bytes) = of_stage(stage, job, &found.of, known, &Canonical::unfiltered(stage))
        {
            found.unfiltered.insert(stage.id, digest(bytes));
        }
        match of_stage(stage, job, &found.of, known, &Canonical::default()) {
            Ok(bytes) => drop(found.of.insert(stage.id, digest(bytes))),
            Err(error) => tracing::trace!(stage = %stage.id, error = %error.strip_backtrace(), "no fingerprint"),
        }
    }
    found
}

fn put(hasher: &mut blake3::Hasher, bytes: &[u8]) {
    hasher.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
}

/// The bytes that tell a stage from others; an error says why there are none.
fn of_stage(
    stage: &StagePlan,
    job: &JobPlan,
    found: &HashMap<StageId, Fingerprint>,
    known: &Arc<TaskContext>,
    converter: &Canonical,
) -> Result<Vec<u8>> {
    if stage.side_effects || stage.placement == Placement::Driver {
        return not_impl_err!("it changes the world or reads what only the driver has");
    }
    let of_input = |id: StageId| match found.get(&id) {
        Some(fingerprint) => Ok(*fingerprint),
        // A kept data set of an earlier job is read without being listed.
        None if !job.stages.iter().any(|stage| stage.id == id) => Ok(Fingerprint::of_kept(id)),
        None => not_impl_err!("it reads {id}, which has no fingerprint"),
    };
    let mut reads = HashMap::new();
    for input in &stage.inputs {
        reads.insert(input.stage, of_input(input.stage)?);
    }
    let codec = Identity { reads, job: job.target, codec: DparkCodec::new(known) };
    let mut bytes = source_bytes(&stage.plan)?;
    let sink: Arc<dyn ExecutionPlan> = Arc::new(StageSinkExec::from(stage));
    bytes.extend(physical_plan_to_bytes_with_proto_converter(codec::portable(sink)?, &codec, converter)?);
    for filter in stage.filters.iter().filter(|filter| !converter.open.contains(&filter.id)) {
        bytes.extend_from_slice(&of_input(filter.source)?.0);
        bytes.extend(filter_bytes(filter, converter, &codec)?);
    }
    Ok(bytes)
}

/// What tells a version of the sources and is not in their encoding: the tags that stores give to files. An error if a
/// table lives in memory and is too large to be compared each time.
fn source_bytes(plan: &Arc<dyn ExecutionPlan>) -> Result<Vec<u8>> {
    let mut bytes = vec![];
    if let Some(scan) = plan.downcast_ref::<DataSourceExec>() {
        if let Some(files) = scan.data_source().downcast_ref::<FileScanConfig>() {
            for file in files.file_groups.iter().flat_map(|group| group.iter()) {
                for tag in [&file.object_meta.e_tag, &file.object_meta.version] {
                    let tag = tag.as_deref().unwrap_or_default();
                    bytes.extend_from_slice(&(tag.len() as u64).to_le_bytes());
                    bytes.extend_from_slice(tag.as_bytes());
                }
            }
        } else if let Some(memory) = scan.data_source().downcast_ref::<MemorySourceConfig>() {
            let batches = memory.partitions().iter().flatten();
            if batches.map(|batch| batch.get_array_memory_size()).sum::<usize>() > MAX_MEMORY_TABLE {
                return not_impl_err!("it reads a large table in memory");
            }
        }
    }
    for child in plan.children() {
        bytes.extend(source_bytes(child)?);
    }
    Ok(bytes)
}

fn filter_bytes(filter: &RuntimeFilter, converter: &Canonical, codec: &Identity) -> Result<Vec<u8>> {
    let mut bytes = converter.number(filter.id).to_le_bytes().to_vec();
    for key in filter.keys() {
        let key = converter.physical_expr_to_proto(key, codec)?.to_bytes();
        bytes.extend_from_slice(&(key.len() as u64).to_le_bytes());
        bytes.extend(key);
    }
    bytes.push(u8::from(filter.nulls_are_equal()));
    Ok(bytes)
}

/// Numbers dynamic filters in the order in which they are met, and leaves out those that are taken for open.
#[derive(Default)]
struct Canonical {
    met: RefCell<Vec<u64>>,
    open: Vec<u64>,
}

impl Canonical {
    /// As if the runtime filters of the stage were not there.
    fn unfiltered(stage: &StagePlan) -> Self {
        Self { open: stage.filters.iter().map(|filter| filter.id).collect(), ..Self::default() }
    }

    fn is_open(&self, expr: &Arc<dyn PhysicalExpr>) -> bool {
        expr.expression_id().is_some_and(|id| self.open.contains(&id))
    }

    /// The expression without open filters among its conjuncts; `None` if nothing remains.
    fn without_open(&self, expr: &Arc<dyn PhysicalExpr>) -> Option<Arc<dyn PhysicalExpr>> {
        if self.is_open(expr) {
            return None;
        }
        let Some(and) = expr.downcast_ref::<BinaryExpr>().filter(|binary| *binary.op() == Operator::And) else {
            return Some(Arc::clone(expr));
        };
        match (self.without_open(and.left()), self.without_open(and.right())) {
            (Some(left), Some(right)) => Some(Arc::new(BinaryExpr::new(left, Operator::And, right))),
            (left, right) => left.or(right),
        }
    }

    fn number(&self, id: u64) -> u64 {
        let mut met = self.met.borrow_mut();
        let at = met.iter().position(|known| *known == id).unwrap_or_else(|| {
            met.push(id);
            met.len() - 1
        });
        at as u64
    }
}

impl PhysicalProtoConverterExtension for Canonical {
    fn proto_to_execution_plan(
        &self,
        _: &PhysicalPlanNode,
        _: &PhysicalPlanDecodeContext<'_>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        internal_err!("a fingerprint is not decoded")
    }

    fn execution_plan_to_proto(
        &self,
        plan: &Arc<dyn ExecutionPlan>,
        codec: &dyn PhysicalExtensionCodec,
    ) -> Result<PhysicalPlanNode> {
        PhysicalPlanNode::try_from_physical_plan_with_converter(Arc::clone(plan), codec, self)
    }

    fn proto_to_physical_expr(
        &self,
        _: &PhysicalExprNode,
        _: &Schema,
        _: &PhysicalPlanDecodeContext<'_>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        internal_err!("a fingerprint is not decoded")
    }

    fn physical_expr_to_proto(
        &self,
        expr: &Arc<dyn PhysicalExpr>,
        codec: &dyn PhysicalExtensionCodec,
    ) -> Result<PhysicalExprNode> {
        let expr = if self.open.is_empty() { Some(Arc::clone(expr)) } else { self.without_open(expr) };
        let expr = expr.unwrap_or_else(|| lit(true));
        let mut node = serialize_physical_expr_with_converter(&expr, codec, self)?;
        node.expr_id = node.expr_id.map(|id| self.number(id));
        Ok(node)
    }
}

/// The codec of fragments, but for what names a stage without saying what it computes.
#[derive(Debug)]
struct Identity {
    codec: DparkCodec,
    reads: HashMap<StageId, Fingerprint>,
    /// The target of the job, which no other job has.
    job: StageId,
}

fn refuse_volatile(name: &str, volatility: Volatility) -> Result<()> {
    match volatility {
        Volatility::Volatile => not_impl_err!("{name} gives other values each time"),
        Volatility::Immutable | Volatility::Stable => Ok(()),
    }
}

impl PhysicalExtensionCodec for Identity {
    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        buf: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        if let Some(read) = node.downcast_ref::<ShuffleReadExec>() {
            let Some(fingerprint) = self.reads.get(&read.stage()) else {
                return internal_err!("{} is read but no input", read.stage());
            };
            let nameless: Arc<dyn ExecutionPlan> = Arc::new(read.clone().with_stage(StageId(0)));
            self.codec.encode_node(&nameless, buf, converter, self)?;
            buf.extend_from_slice(&fingerprint.0);
            return Ok(());
        }
        self.codec.encode_node(&node, buf, converter, self)?;
        if let Some(closure) = node.downcast_ref::<ClosureExec>() {
            for step in closure.steps() {
                buf.extend_from_slice(&step.id.to_le_bytes());
                if Header::counts(&step.argument) {
                    buf.extend_from_slice(&self.job.0.to_le_bytes());
                }
            }
        }
        Ok(())
    }

    fn try_decode(
        &self,
        _: &[u8],
        _: &[Arc<dyn ExecutionPlan>],
        _: &TaskContext,
        _: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        internal_err!("a fingerprint is not decoded")
    }

    fn try_encode_expr(
        &self,
        node: &Arc<dyn PhysicalExpr>,
        buf: &mut Vec<u8>,
        context: &datafusion::physical_expr_common::physical_expr::proto_encode::PhysicalExprEncodeCtx<'_>,
    ) -> Result<()> {
        self.codec.try_encode_expr(node, buf, context)
    }

    fn try_encode_udf(&self, node: &ScalarUDF, buf: &mut Vec<u8>) -> Result<()> {
        refuse_volatile(node.name(), node.signature().volatility)?;
        self.codec.try_encode_udf(node, buf)
    }

    fn try_encode_udaf(&self, node: &AggregateUDF, buf: &mut Vec<u8>) -> Result<()> {
        refuse_volatile(node.name(), node.signature().volatility)?;
        self.codec.try_encode_udaf(node, buf)
    }

    fn try_encode_udwf(&self, node: &WindowUDF, buf: &mut Vec<u8>) -> Result<()> {
        refuse_volatile(node.name(), node.signature().volatility)?;
        self.codec.try_encode_udwf(node, buf)
    }

    fn try_encode_higher_order_function(&self, node: &HigherOrderUDF, buf: &mut Vec<u8>) -> Result<()> {
        self.codec.try_encode_higher_order_function(node, buf)
    }
}
