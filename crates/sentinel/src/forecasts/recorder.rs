//! How are forecasts recorded? Each time is written once, when the horizon first reaches it.
//!
//! So `<metric>_sentinel_forecast` tells, for every time, what was forecast a horizon ahead; that is what the values that
//! come are compared with. It goes to the store directly: a forecast is no measurement, and is not judged as one.

use std::sync::Arc;

use signal::{SeriesPoints, Timestamp};
use store::{Store, Write};

use crate::forecasts::outlet::Outlet;
use crate::forecasts::series::Series;

/// Writes forecasts into the store.
pub struct Recorder {
    store: Arc<Store>,
    outlets: Vec<Arc<Outlet>>,
}

impl Recorder {
    /// Into this store, and to these receivers.
    pub fn new(store: Arc<Store>, outlets: Vec<Arc<Outlet>>) -> Self {
        Self { store, outlets }
    }

    /// Where they are.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Writes the steps of the newest forecast that were not written. A store that is busy gets them the next time.
    pub fn record(&self, series: &Series, now: Timestamp) {
        let mut recorded = series.recorded();
        let life = series.life();
        let Some(forecast) = life.forecast(now) else { return };
        let mut all = forecast::samples(&life, forecast);
        let last = forecast.first_secs + forecast.step_secs * (forecast.values.len() as i64 - 1);
        drop(life);
        for SeriesPoints { points, .. } in &mut all {
            points.retain(|it| it.time > Timestamp::from_secs(*recorded));
        }
        all.retain(|it| !it.points.is_empty());
        if all.is_empty() {
            return;
        }
        // What is forecast lies in the future by its nature.
        let latest = now.max(Timestamp::from_secs(last));
        let done = Box::new(|result: Result<_, store::Error>| {
            if let Err(error) = result {
                tracing::warn!(%error, "Forecasts were not recorded.");
            }
        });
        let all = Arc::new(all);
        if self.store.append(Write::Samples(Arc::clone(&all)), latest, done).is_ok() {
            self.outlets.iter().for_each(|it| it.push(&all));
            *recorded = last;
        }
    }
}
