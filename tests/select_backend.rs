//! The conformance suite over the backend of an example. It has a process of its own, since select(2) takes only small
//! fd numbers, and other backends' tests use thousands.

use iomux_backend::Error;
use iomux_backend::conformance::Backend;
use select_backend::Select;

#[allow(dead_code, reason = "an example has a `main`")]
#[path = "../examples/select_backend.rs"]
mod select_backend;

struct OverSelect;

impl Backend for OverSelect {
    type Mux<'fd> = Select<'fd>;

    fn create<'fd>() -> Result<Select<'fd>, Error> {
        Ok(Select::new())
    }
}

iomux_backend::conformance!(OverSelect);
