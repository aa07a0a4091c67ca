//! Is `smallestVisible` true? The share of small edits that were found, against their size over
//! what it said.

use image::RgbImage;
use plotters::{
    prelude::*,
    style::{FontStyle, register_font},
};

use super::trial::Trial;

/// Width and height of the picture, in pixels.
const SIZE: (u32, u32) = (1100, 640);
/// Bins of half an octave: the first begins at 2^-3, the last ends at 2^4.
const BINS: usize = 14;
/// Octaves that the first bin begins below 1.
const BELOW: f64 = 3.0;
/// Share that is promised from 1 up.
const PROMISED: f64 = 0.9;
/// Standard deviations of the intervals that are drawn.
const DEVIATIONS: f64 = 1.96;

/// Edits of about one size.
#[derive(Clone, Copy, Default)]
struct Bin {
    found: usize,
    tried: usize,
}

impl Bin {
    fn share(self) -> f64 {
        self.found as f64 / self.tried as f64
    }

    /// Wilson's interval of the share (Wilson 1927).
    fn interval(self) -> (f64, f64) {
        let (n, p, z) = (self.tried as f64, self.share(), DEVIATIONS);
        let middle = p + z * z / (2.0 * n);
        let reach = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        let scale = 1.0 + z * z / n;
        ((middle - reach) / scale, (middle + reach) / scale)
    }
}

/// Counts the edits of the group `small`; those beyond the outermost bins count there.
fn bins(trials: &[Trial]) -> [Bin; BINS] {
    let mut bins = [Bin::default(); BINS];
    let edits = trials
        .iter()
        .filter(|trial| trial.group == "small" && trial.detected() && trial.counts());
    for trial in edits {
        let (Some((_, overlap)), Some(smallest)) = (trial.edit, trial.smallest) else {
            continue;
        };
        let octaves = (overlap.area / smallest).log2();
        let at = (2.0 * (octaves + BELOW)).clamp(0.0, BINS as f64 - 1.0);
        bins[at as usize].tried += 1;
        bins[at as usize].found += usize::from(trial.on_the_edit());
    }
    bins
}

/// Draws the plot, or nothing if there were no small edits.
pub(super) fn plot(trials: &[Trial]) -> Option<RgbImage> {
    let bins = bins(trials);
    if bins.iter().all(|bin| bin.tried == 0) {
        return None;
    }
    register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular()).ok()?;
    let mut pixels = vec![255; (SIZE.0 * SIZE.1 * 3) as usize];
    draw(&mut pixels, &bins).unwrap();
    RgbImage::from_raw(SIZE.0, SIZE.1, pixels)
}

type Drawn<'a> = Result<(), DrawingAreaErrorKind<<BitMapBackend<'a> as DrawingBackend>::ErrorType>>;

fn draw<'a>(pixels: &'a mut [u8], bins: &[Bin; BINS]) -> Drawn<'a> {
    const BLUE: RGBColor = RGBColor(30, 90, 170);
    const RED: RGBColor = RGBColor(190, 30, 30);
    let root = BitMapBackend::with_buffer(pixels, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let end = BINS as f64 / 2.0 - BELOW;
    let mut chart = ChartBuilder::on(&root)
        .caption("Small edits that were found", ("sans-serif", 22))
        .margin(16)
        .x_label_area_size(44)
        .y_label_area_size(56)
        .build_cartesian_2d(-BELOW..end, 0.0..1.05)?;
    chart
        .configure_mesh()
        .x_labels(BINS / 2 + 1)
        .x_label_formatter(&|octaves| format!("{}", octaves.exp2()))
        .x_desc("area of the edit over smallestVisible")
        .y_label_formatter(&|share| format!("{:.0} %", 100.0 * share))
        .label_style(("sans-serif", 15))
        .light_line_style(TRANSPARENT)
        .draw()?;
    let promised = [(0.0, 0.0), (0.0, PROMISED), (end, PROMISED)];
    chart.draw_series(DashedLineSeries::new(promised, 8, 6, RED.stroke_width(2)))?;
    let middle = |at: usize| at as f64 / 2.0 - BELOW + 0.25;
    for (at, bin) in bins.iter().enumerate().filter(|(_, bin)| bin.tried > 0) {
        let (x, (low, high)) = (middle(at), bin.interval());
        let bar = PathElement::new([(x, low), (x, high)], BLUE.stroke_width(2));
        chart.draw_series([bar])?;
        chart.draw_series([Circle::new((x, bin.share()), 5, BLUE.filled())])?;
        let count = Text::new(format!("{}", bin.tried), (x, 0.03), ("sans-serif", 13));
        chart.draw_series([count])?;
    }
    root.present()
}
