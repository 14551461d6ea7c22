//! Stages as bytes: DataFusion's protobuf with our nodes and expressions as extensions.
//!
//! What DataFusion leaves out of its protobuf and a fragment needs — the ordering and equivalences of a cut, the
//! partitioning of a sink — is written here. A fragment that cannot be encoded (a table that lives in the driver's
//! memory, an operator without protobuf, a function that workers do not have) is no error: [`encode`] says so and the
//! stage runs in the driver.

use crate::compressed_scan::CompressedScanExec;
use crate::dataset::mapping::Mapping;
use crate::dataset::{ClosureExec, Step};
use crate::functions::FunctionRef;
use crate::known_functions;
use crate::lossy;
use crate::runtime_filter::{Bloom, BloomProbeExpr, FilterSource};
use crate::scalar::{self, ScalarInputExec};
use crate::shuffle_read::{ReadKind, ShuffleReadExec};
use crate::sink::StageSinkExec;
use crate::sort::SortRunsExec;
use crate::stage::Output;
use crate::udf::travel;
use crate::write::ParquetWriteExec;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DataFusionError, Result, internal_datafusion_err, internal_err, not_impl_err};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{AggregateUDF, HigherOrderUDF, ScalarUDF, WindowUDF};
use datafusion::physical_expr::{EquivalenceProperties, LexOrdering, Partitioning, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{ExecutionPlan, PlanProperties};
use datafusion_proto::bytes::{
    physical_plan_from_bytes_with_proto_converter, physical_plan_to_bytes_with_proto_converter,
};
use datafusion_proto::physical_plan::{
    DeduplicatingProtoConverter, PhysicalExtensionCodec, PhysicalPlanDecodeContext, PhysicalProtoConverterExtension,
};
use datafusion_proto::protobuf::PhysicalExprNode;
use dpark_lineage::StageId;
use dpark_shuffle::Keep;
use dpark_wire::Wire;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Encodes a stage. `known` has the functions that the decoding process knows, and the stage's options.
pub fn encode(stage: &StageSinkExec, known: &Arc<TaskContext>) -> Result<Vec<u8>> {
    let plan = portable(Arc::new(stage.clone()))?;
    let converter = DeduplicatingProtoConverter {};
    Ok(physical_plan_to_bytes_with_proto_converter(plan, &DparkCodec::new(known), &converter)?.to_vec())
}

/// The plan with DataFusion's own operators in the places of those of ours that have no encoding; an error if encoding it
/// would lose something.
pub(crate) fn portable(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        lossy::check(node.as_ref())?;
        Ok(if let Some(scalar) = node.downcast_ref::<ScalarInputExec>() {
            Transformed::yes(scalar.to_datafusion())
        } else if let Some(scan) = CompressedScanExec::wrap(&node) {
            Transformed::yes(Arc::new(scan))
        } else {
            Transformed::no(node)
        })
    })
    .data()
}

/// Decodes a stage. `known` has this process's functions and the stage's options, which expressions keep.
pub fn decode(bytes: &[u8], known: &Arc<TaskContext>) -> Result<StageSinkExec> {
    let converter = DeduplicatingProtoConverter {};
    let plan = physical_plan_from_bytes_with_proto_converter(bytes, known, &DparkCodec::new(known), &converter)?;
    match plan.downcast_ref::<StageSinkExec>() {
        Some(stage) => Ok(stage.clone()),
        None => internal_err!("a stage's plan should end in a sink"),
    }
}

/// Whether rows of a schema cannot be written in Arrow's IPC format and so never leave the process that made them.
pub fn rows_stay(schema: &Schema) -> bool {
    fn stays(kind: &DataType) -> bool {
        match kind {
            // The format has no place for the inner dictionary's description.
            DataType::Dictionary(_, values) => matches!(**values, DataType::Dictionary(_, _)) || stays(values),
            DataType::List(field)
            | DataType::LargeList(field)
            | DataType::ListView(field)
            | DataType::LargeListView(field)
            | DataType::FixedSizeList(field, _)
            | DataType::Map(field, _) => stays(field.data_type()),
            DataType::Struct(fields) => fields.iter().any(|field| stays(field.data_type())),
            DataType::Union(fields, _) => fields.iter().any(|(_, field)| stays(field.data_type())),
            DataType::RunEndEncoded(_, values) => stays(values.data_type()),
            _ => false,
        }
    }
    schema.fields().iter().any(|field| stays(field.data_type()))
}

/// Our nodes and expressions, and which functions may travel; see the module.
pub(crate) struct DparkCodec {
    known: Arc<TaskContext>,
}

impl DparkCodec {
    pub(crate) fn new(known: &Arc<TaskContext>) -> Self {
        Self { known: Arc::clone(known) }
    }

    /// Writes one of our nodes, its expressions by `codec`: this one or one around it.
    pub(crate) fn encode_node(
        &self,
        node: &Arc<dyn ExecutionPlan>,
        buf: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
        codec: &dyn PhysicalExtensionCodec,
    ) -> Result<()> {
        let exprs = Exprs(converter, codec);
        let encoded = if let Some(read) = node.downcast_ref::<ShuffleReadExec>() {
            let shape = exprs.encode_shape(read.properties())?;
            Node::Read { stage: read.stage(), kind: read.kind(), shape }
        } else if let Some(sink) = node.downcast_ref::<StageSinkExec>() {
            let output = match &sink.output {
                Output::Forward => SinkOutput::Forward,
                Output::Bucket(buckets) => SinkOutput::Bucket(*buckets),
                Output::Exchange(partitioning) => SinkOutput::Exchange(exprs.encode_partitioning(partitioning)?),
            };
            let summaries =
                sink.summaries.iter().map(|summary| summary.keys.iter().map(|key| exprs.encode(key)).collect());
            Node::Sink {
                output,
                summaries: summaries.collect::<Result<_>>()?,
                keep: sink.keep,
                side_effects: sink.side_effects,
            }
        } else if let Some(closure) = node.downcast_ref::<ClosureExec>() {
            let steps = closure.steps().iter().map(|step| {
                let (function, argument) = (step.function.clone(), step.argument.to_vec());
                Ok(WireStep { function, argument, schema: encode_schema(&step.schema)?, keeps_key: step.keeps_key })
            });
            let payloads = closure.payloads();
            Node::Closure {
                mapping: closure.mapping().clone(),
                payloads: payloads.map(|payloads| payloads.iter().map(|payload| payload.to_vec()).collect()),
                steps: steps.collect::<Result<_>>()?,
            }
        } else if let Some(write) = node.downcast_ref::<ParquetWriteExec>() {
            let (dir, options) = write.target();
            Node::ParquetWrite { dir: dir.to_path_buf(), options: options.to_vec() }
        } else if let Some(sort) = node.downcast_ref::<SortRunsExec>() {
            let keys = sort.sort().expr().iter().map(|key| exprs.encode_key(key)).collect::<Result<_>>()?;
            Node::Sort { keys, preserve_partitioning: sort.sort().preserve_partitioning(), kept: sort.kept() }
        } else if let Some(scan) = node.downcast_ref::<CompressedScanExec>() {
            Node::CompressedScan { compression: scan.compression() }
        } else {
            return internal_err!("{} cannot leave its process", node.name());
        };
        *buf = postcard::to_stdvec(&encoded).map_err(malformed)?;
        Ok(())
    }
}

impl fmt::Debug for DparkCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DparkCodec")
    }
}

#[derive(Serialize, Deserialize)]
enum Node {
    Read { stage: StageId, kind: ReadKind, shape: Shape },
    Sink { output: SinkOutput, summaries: Vec<Vec<Vec<u8>>>, keep: Keep, side_effects: bool },
    Closure { mapping: Mapping, payloads: Option<Vec<Vec<u8>>>, steps: Vec<WireStep> },
    ParquetWrite { dir: PathBuf, options: Vec<(String, String)> },
    CompressedScan { compression: String },
    Sort { keys: Vec<SortKey>, preserve_partitioning: bool, kept: Option<Vec<(usize, String)>> },
}

#[derive(Serialize, Deserialize)]
enum SinkOutput {
    Forward,
    Exchange(Vec<u8>),
    Bucket(usize),
}

/// See [`Step`].
#[derive(Serialize, Deserialize)]
struct WireStep {
    function: FunctionRef,
    argument: Vec<u8>,
    schema: Vec<u8>,
    keeps_key: bool,
}

/// Plan properties of a cut: schema, partitioning, and what is known of order and equality.
#[derive(Serialize, Deserialize)]
struct Shape {
    schema: Vec<u8>,
    partitioning: Vec<u8>,
    orderings: Vec<Vec<SortKey>>,
    equal: Vec<Vec<Vec<u8>>>,
}

#[derive(Serialize, Deserialize)]
struct SortKey {
    expr: Vec<u8>,
    descending: bool,
    nulls_first: bool,
}

struct Exprs<'a>(&'a dyn PhysicalProtoConverterExtension, &'a dyn PhysicalExtensionCodec);

impl Exprs<'_> {
    fn encode(&self, expr: &Arc<dyn PhysicalExpr>) -> Result<Vec<u8>> {
        Ok(self.0.physical_expr_to_proto(expr, self.1)?.to_bytes())
    }
    fn decode(&self, bytes: &[u8], schema: &Schema, context: &TaskContext) -> Result<Arc<dyn PhysicalExpr>> {
        let proto = PhysicalExprNode::from_bytes(bytes).map_err(malformed)?;
        self.0.proto_to_physical_expr(&proto, schema, &PhysicalPlanDecodeContext::new(context, self.1))
    }
    fn encode_partitioning(&self, partitioning: &Partitioning) -> Result<Vec<u8>> {
        let proto = datafusion_proto::physical_plan::to_proto::serialize_partitioning(partitioning, self.1, self.0)?;
        Ok(proto.to_bytes())
    }
    fn decode_partitioning(&self, bytes: &[u8], schema: &Schema, context: &TaskContext) -> Result<Partitioning> {
        let proto = datafusion_proto::protobuf::Partitioning::from_bytes(bytes).map_err(malformed)?;
        let context = PhysicalPlanDecodeContext::new(context, self.1);
        let decoded = datafusion_proto::physical_plan::from_proto::parse_protobuf_partitioning(
            Some(&proto),
            &context,
            schema,
            self.0,
        )?;
        decoded.ok_or_else(|| internal_datafusion_err!("a partitioning is missing"))
    }

    fn encode_shape(&self, properties: &PlanProperties) -> Result<Shape> {
        let eq = properties.equivalence_properties();
        let sort_keys = eq.oeq_class().iter().flat_map(|ordering| ordering.iter().map(|key| &key.expr));
        let mut known = sort_keys.chain(eq.eq_group().iter().flat_map(|class| class.iter()));
        if known.any(scalar::contains_value) {
            // Such a value is decoded within the operator that has it, and a leaf is decoded alone.
            return not_impl_err!("an order by the value of a scalar subquery has no encoding");
        }
        let orderings = eq.oeq_class().iter().map(|ordering| ordering.iter().map(|key| self.encode_key(key)).collect());
        let equal = eq.eq_group().iter().map(|class| class.iter().map(|expr| self.encode(expr)).collect());
        Ok(Shape {
            schema: encode_schema(eq.schema())?,
            partitioning: self.encode_partitioning(&properties.partitioning)?,
            orderings: orderings.collect::<Result<_>>()?,
            equal: equal.collect::<Result<_>>()?,
        })
    }

    fn encode_key(&self, key: &PhysicalSortExpr) -> Result<SortKey> {
        let (descending, nulls_first) = (key.options.descending, key.options.nulls_first);
        Ok(SortKey { expr: self.encode(&key.expr)?, descending, nulls_first })
    }

    fn decode_ordering(&self, keys: &[SortKey], schema: &Schema, context: &TaskContext) -> Result<Option<LexOrdering>> {
        let keys = keys.iter().map(|key| {
            let expr = self.decode(&key.expr, schema, context)?;
            let options = arrow::compute::SortOptions { descending: key.descending, nulls_first: key.nulls_first };
            Ok(PhysicalSortExpr { expr, options })
        });
        Ok(LexOrdering::new(keys.collect::<Result<Vec<_>>>()?))
    }

    fn decode_shape(&self, shape: &Shape, context: &TaskContext) -> Result<PlanProperties> {
        let schema = decode_schema(&shape.schema)?;
        let mut eq = EquivalenceProperties::new(Arc::clone(&schema));
        for class in &shape.equal {
            let exprs = class.iter().map(|bytes| self.decode(bytes, &schema, context)).collect::<Result<Vec<_>>>()?;
            for pair in exprs.windows(2) {
                eq.add_equal_conditions(Arc::clone(&pair[0]), Arc::clone(&pair[1]))?;
            }
        }
        for ordering in &shape.orderings {
            if let Some(ordering) = self.decode_ordering(ordering, &schema, context)? {
                eq.add_ordering(ordering);
            }
        }
        let partitioning = self.decode_partitioning(&shape.partitioning, &schema, context)?;
        Ok(PlanProperties::new(eq, partitioning, EmissionType::Incremental, Boundedness::Bounded))
    }
}

impl PhysicalExtensionCodec for DparkCodec {
    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        buf: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        self.encode_node(&node, buf, converter, self)
    }

    fn try_decode(
        &self,
        buf: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        context: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let exprs = Exprs(converter, self);
        let input = || match inputs {
            [input] => Ok(Arc::clone(input)),
            _ => internal_err!("a node of a stage should have one input"),
        };
        Ok(match postcard::from_bytes(buf).map_err(malformed)? {
            Node::Read { stage, kind, shape } => {
                Arc::new(ShuffleReadExec::new(stage, kind, Arc::new(exprs.decode_shape(&shape, context)?)))
            }
            Node::Sink { output, summaries, keep, side_effects } => {
                let input = input()?;
                let schema = input.schema();
                let output = match output {
                    SinkOutput::Forward => Output::Forward,
                    SinkOutput::Bucket(buckets) => Output::Bucket(buckets),
                    SinkOutput::Exchange(bytes) => {
                        Output::Exchange(exprs.decode_partitioning(&bytes, &schema, context)?)
                    }
                };
                let summaries = summaries.into_iter().map(|keys| {
                    let keys = keys.iter().map(|key| exprs.decode(key, &schema, context)).collect::<Result<_>>()?;
                    Ok(FilterSource { keys })
                });
                Arc::new(StageSinkExec {
                    input,
                    output,
                    summaries: summaries.collect::<Result<_>>()?,
                    keep,
                    side_effects,
                    set_by_driver: vec![],
                })
            }
            Node::CompressedScan { compression } => CompressedScanExec::unwrap(&input()?, &compression)?,
            Node::Sort { keys, preserve_partitioning, kept } => {
                let input = input()?;
                let Some(ordering) = exprs.decode_ordering(&keys, &input.schema(), context)? else {
                    return internal_err!("a sort has no keys");
                };
                let sort = SortExec::new(ordering, input).with_preserve_partitioning(preserve_partitioning);
                match (SortRunsExec::over(&sort), kept) {
                    (Some(sort), None) => Arc::new(sort),
                    (Some(sort), Some(kept)) => Arc::new(sort.keeping(kept)?),
                    (None, _) => internal_err!("rows cannot be sorted by {}", sort.expr())?,
                }
            }
            Node::ParquetWrite { dir, options } => Arc::new(ParquetWriteExec::new(input()?, dir, options)),
            Node::Closure { mapping, payloads, steps } => {
                let steps = steps.into_iter().map(|step| {
                    let WireStep { function, argument, schema, keeps_key } = step;
                    // Only the driver tells uses of a closure from each other.
                    let schema = decode_schema(&schema)?;
                    Ok(Arc::new(Step { id: u64::MAX, function, argument: argument.into(), schema, keeps_key }))
                });
                let payloads = payloads.map(|payloads| Arc::new(payloads.into_iter().map(Arc::from).collect()));
                Arc::new(ClosureExec::try_new(inputs.to_vec(), &mapping, payloads, steps.collect::<Result<_>>()?)?)
            }
        })
    }

    fn try_encode_expr(
        &self,
        node: &Arc<dyn PhysicalExpr>,
        buf: &mut Vec<u8>,
        _context: &datafusion::physical_expr_common::physical_expr::proto_encode::PhysicalExprEncodeCtx<'_>,
    ) -> Result<()> {
        let Some(probe) = node.downcast_ref::<BloomProbeExpr>() else {
            return internal_err!("the expression {node} cannot leave its process");
        };
        *buf = postcard::to_stdvec(probe.bloom()).map_err(malformed)?;
        Ok(())
    }

    fn try_decode_expr(
        &self,
        buf: &[u8],
        inputs: &[Arc<dyn PhysicalExpr>],
        _context: &datafusion::physical_expr_common::physical_expr::proto_decode::PhysicalExprDecodeCtx<'_>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let bloom: Bloom = postcard::from_bytes(buf).map_err(malformed)?;
        Ok(Arc::new(BloomProbeExpr::new(inputs.to_vec(), Arc::new(bloom))))
    }

    fn try_encode_udf(&self, node: &ScalarUDF, buf: &mut Vec<u8>) -> Result<()> {
        if travel::encode_scalar(node, buf)? {
            return Ok(());
        }
        known_functions::encode_scalar(&self.known, node, buf)
    }

    fn try_decode_udf(&self, name: &str, buf: &[u8]) -> Result<Arc<ScalarUDF>> {
        match travel::decode_scalar(name, buf)? {
            Some(closure) => Ok(closure),
            None => known_functions::decode_scalar(&self.known, name),
        }
    }

    fn try_encode_udaf(&self, node: &AggregateUDF, buf: &mut Vec<u8>) -> Result<()> {
        if travel::encode_aggregate(node, buf)? {
            return Ok(());
        }
        known_functions::check_aggregate(&self.known, node)
    }

    fn try_decode_udaf(&self, name: &str, buf: &[u8]) -> Result<Arc<AggregateUDF>> {
        match travel::decode_aggregate(name, buf)? {
            Some(closure) => Ok(closure),
            None => not_impl_err!("the function {name} is not one that every process knows"),
        }
    }

    fn try_encode_udwf(&self, node: &WindowUDF, _buf: &mut Vec<u8>) -> Result<()> {
        known_functions::check_window(&self.known, node)
    }

    fn try_encode_higher_order_function(&self, node: &HigherOrderUDF, _buf: &mut Vec<u8>) -> Result<()> {
        known_functions::check_higher_order(&self.known, node)
    }
}

pub(crate) fn malformed(error: impl std::error::Error + Send + Sync + 'static) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

pub(crate) fn encode_schema(schema: &SchemaRef) -> Result<Vec<u8>> {
    let proto: datafusion_proto::protobuf::Schema = schema.as_ref().try_into().map_err(malformed)?;
    Ok(proto.to_bytes())
}

pub(crate) fn decode_schema(bytes: &[u8]) -> Result<SchemaRef> {
    let proto = datafusion_proto::protobuf::Schema::from_bytes(bytes).map_err(malformed)?;
    let schema: Schema = (&proto).try_into().map_err(malformed)?;
    Ok(Arc::new(schema))
}
