//! Every format read in splits of any size must give what the file holds, each record once and in order; damage must
//! be told.

mod csv;
mod damage;
mod fixed;
mod lines;
mod list;
mod nested;
mod packed;
mod support;
mod tfrecord;
