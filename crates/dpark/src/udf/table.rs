//! [`TableFunction`]: a data set, made in the driver when a query that names it is planned.

use super::names;
use crate::Context;
use crate::context::Outside;
use crate::error::Result;
use crate::rdd::{Rdd, Row};
use arrow::array::ArrayRef;
use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{DataFusionError, ScalarValue, exec_datafusion_err, plan_datafusion_err, plan_err};
use datafusion::dataframe::DataFrame;
use datafusion::execution::SessionState;
use datafusion::logical_expr::Expr;
use dpark_rows::coerce::coerced;
use std::fmt;
use std::sync::Arc;

/// What a table function may give.
pub trait IntoTable {
    /// Its rows as a query.
    fn into_table(self) -> Result<DataFrame, DataFusionError>;
}

impl IntoTable for DataFrame {
    fn into_table(self) -> Result<DataFrame, DataFusionError> {
        Ok(self)
    }
}

impl<T: Row> IntoTable for Rdd<T> {
    fn into_table(self) -> Result<DataFrame, DataFusionError> {
        self.to_df()
    }
}

/// The arguments of a table function.
#[derive(Debug, Clone)]
pub struct TableArguments {
    function: String,
    values: Vec<ScalarValue>,
}

impl TableArguments {
    fn of(function: &str, exprs: &[Expr]) -> Result<Self, DataFusionError> {
        let values = exprs.iter().enumerate().map(|(i, expr)| match expr {
            Expr::Literal(value, _) => Ok(value.clone()),
            other => plan_err!("argument {} of {function} is {other}; a table function takes constants", i + 1),
        });
        Ok(Self { function: function.to_owned(), values: values.collect::<Result<_, _>>()? })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// All of them.
    pub fn values(&self) -> &[ScalarValue] {
        &self.values
    }

    /// The one at `index`, from 0. Errors: there are fewer, it is of another type, or NULL where `T` is no `Option`.
    pub fn get<T: Row>(&self, index: usize) -> Result<T, DataFusionError> {
        let (function, want) = (&self.function, T::data_type());
        let Some(value) = self.values.get(index) else {
            return plan_err!("{function} needs an argument {} ({want}); it got {}", index + 1, self.len());
        };
        let have = value.data_type();
        let Some(cast) = coerced(&have, &want) else {
            return plan_err!("argument {} of {function} is {have}, it takes {want}: cast it", index + 1);
        };
        let column: ArrayRef = value.cast_to(&cast)?.to_array()?;
        let reader = T::reader(&column, None).map_err(|error| super::mismatch(function, index, error))?;
        Ok(T::owned(T::view(&reader, 0)))
    }
}

type Make = dyn Fn(&Context, &TableArguments) -> Result<DataFrame> + Send + Sync;

/// A function that gives a data set, to be registered.
#[must_use = "a function is known when it is registered"]
pub struct TableFunction {
    name: String,
    make: Arc<Make>,
    replace: bool,
}

impl TableFunction {
    /// A function called `name` in SQL: `SELECT * FROM name(1, 10)`. The closure is called in the driver each time a query is
    /// planned, and may capture; but not the context, which would keep itself alive: it is given one.
    pub fn new<R, F>(name: impl Into<String>, function: F) -> Self
    where
        R: IntoTable,
        F: Fn(&Context, &TableArguments) -> Result<R> + Send + Sync + 'static,
    {
        let make =
            Arc::new(move |ctx: &Context, arguments: &TableArguments| Ok(function(ctx, arguments)?.into_table()?));
        Self { name: name.into(), make, replace: false }
    }

    /// It may take the place of a table function that the session has under its name.
    pub fn replace(mut self) -> Self {
        self.replace = true;
        self
    }

    /// Makes it known to SQL. Errors: the name is taken.
    pub fn register(self, ctx: &Context) -> Result<(), DataFusionError> {
        let unquoted = self.name.to_lowercase();
        let mut found_by = vec![self.name.as_str()];
        if unquoted != self.name {
            found_by.push(&unquoted);
        }
        for name in &found_by {
            names::check_table_function(ctx, name, self.replace)?;
        }
        let function =
            Arc::new(Registered { name: self.name.clone(), make: Arc::clone(&self.make), outside: ctx.outside() });
        for name in found_by {
            ctx.session().register_udtf(name, Arc::clone(&function) as _);
        }
        Ok(())
    }
}

impl fmt::Debug for TableFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableFunction").field("name", &self.name).field("replace", &self.replace).finish()
    }
}

/// What the session has.
struct Registered {
    name: String,
    make: Arc<Make>,
    outside: Outside,
}

impl fmt::Debug for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registered").field(&self.name).finish()
    }
}

impl TableFunctionImpl for Registered {
    fn call_with_args(&self, args: TableFunctionArgs) -> Result<Arc<dyn TableProvider>, DataFusionError> {
        let name = &self.name;
        let Some(state) = args.session().as_any().downcast_ref::<SessionState>() else {
            return plan_err!("the table function {name} is called in a session that is not a context's");
        };
        let stopped = || plan_datafusion_err!("the context of the table function {name} is gone");
        let ctx = self.outside.with(state.clone()).ok_or_else(stopped)?;
        let made = (self.make)(&ctx, &TableArguments::of(name, args.exprs())?);
        let made = made.map_err(|error| exec_datafusion_err!("{name}: {}", words(error)))?;
        Ok(made.into_view())
    }
}

fn words(error: crate::Error) -> String {
    match error {
        crate::Error::DataFusion(error) => error.strip_backtrace(),
        other => other.to_string(),
    }
}

impl Context {
    /// Makes a closure known to SQL as a function that gives a data set: an [`Rdd`] or a [`DataFrame`]. For what it may do, see
    /// [`TableFunction::new`]. Errors: the name is taken.
    pub fn register_table_function<R, F>(&self, name: impl Into<String>, function: F) -> Result<(), DataFusionError>
    where
        R: IntoTable,
        F: Fn(&Context, &TableArguments) -> Result<R> + Send + Sync + 'static,
    {
        TableFunction::new(name, function).register(self)
    }
}
