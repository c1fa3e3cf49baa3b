//! The window of TCP Cubic (RFC 9438), in segments.

/// RFC 9438 section 5.1.
const C: f64 = 0.4;
/// RFC 9438 section 4.6.
const BETA: f64 = 0.7;
/// RFC 6928.
pub(crate) const INITIAL_SEGMENTS: f64 = 10.0;
const MIN_SEGMENTS: f64 = 2.0;

#[derive(Clone, Debug)]
pub(crate) struct Cubic {
    pub(crate) window: f64,
    threshold: f64,
    largest: f64,
    /// Seconds when the current epoch of growth began.
    epoch: Option<f64>,
    /// What Reno would have.
    friendly: f64,
}

impl Default for Cubic {
    fn default() -> Self {
        Self {
            window: INITIAL_SEGMENTS,
            threshold: f64::INFINITY,
            largest: 0.0,
            epoch: None,
            friendly: 0.0,
        }
    }
}

impl Cubic {
    /// `segments` were acknowledged outside recovery while the window was in use.
    pub(crate) fn grow(&mut self, now_ns: u64, round_trip_ns: u64, segments: f64) {
        if self.window < self.threshold {
            self.window += segments;
            return;
        }
        let now = now_ns as f64 / 1e9;
        let epoch = *self.epoch.get_or_insert(now);
        if self.friendly == 0.0 {
            self.friendly = self.window;
        }
        let largest = self.largest.max(self.window * BETA);
        let k = ((largest - self.threshold.min(largest)) / C).cbrt();
        let elapsed = now - epoch + round_trip_ns as f64 / 1e9;
        let target = C * (elapsed - k).powi(3) + largest;
        self.friendly += 3.0 * (1.0 - BETA) / (1.0 + BETA) * segments / self.window;
        if target > self.window {
            // RFC 9438 section 4.4: at most half as much again in a round trip.
            let target = target.min(self.window * 1.5);
            self.window += (target - self.window) / self.window * segments;
        } else {
            self.window += 0.01 * segments / self.window;
        }
        self.window = self.window.max(self.friendly);
    }

    fn decrease(&mut self) {
        // RFC 9438 section 4.7, fast convergence.
        self.largest = if self.window < self.largest {
            self.window * (1.0 + BETA) / 2.0
        } else {
            self.window
        };
        self.threshold = (self.window * BETA).max(MIN_SEGMENTS);
        self.epoch = None;
        self.friendly = 0.0;
    }

    /// Recovery begins.
    pub(crate) fn lose(&mut self) {
        self.decrease();
        self.window = self.threshold;
    }

    /// The retransmission timer expired.
    pub(crate) fn timeout(&mut self) {
        self.decrease();
        self.window = 1.0;
    }

    /// The sender was idle for longer than the retransmission timer (RFC 5681 section 4.1).
    pub(crate) fn restart(&mut self) {
        self.window = self.window.min(INITIAL_SEGMENTS);
    }
}
