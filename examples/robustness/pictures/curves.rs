//! Detection curves: z against the strength of an attack, for JPEG quality, crop, rotation and
//! scale.

use image::RgbImage;
use plotters::{
    coord::Shift,
    prelude::*,
    style::{
        FontStyle, register_font,
        text_anchor::{HPos, Pos, VPos},
    },
};

use crate::{
    matrix::{Matrix, Pair},
    report::median,
};

/// Width and height of the picture, in pixels.
const SIZE: (u32, u32) = (1500, 1100);
/// z from which a mark is detected.
const THRESHOLD: f64 = 6.2;
/// Largest z that is drawn; 64 is the most that there is.
const TOP: f64 = 70.0;

/// A family of attacks that differ in one number.
struct Axis {
    title: &'static str,
    /// What comes before and after the number in their names.
    name: (&'static str, &'static str),
    /// What the number becomes on the axis.
    label: fn(f64) -> String,
    /// Whether larger numbers are stronger attacks.
    rising: bool,
}

const AXES: [Axis; 4] = [
    Axis {
        title: "JPEG quality",
        name: ("jpeg_", ""),
        label: |quality| format!("{quality}"),
        rising: false,
    },
    Axis {
        title: "Centre crop, per cent of the area kept",
        name: ("crop_centre_", ""),
        label: |percent| format!("{percent} %"),
        rising: false,
    },
    Axis {
        title: "Rotation in degrees, cut to the inner rectangle",
        name: ("rotate_", "_inner"),
        label: |degrees| format!("{degrees}"),
        rising: true,
    },
    Axis {
        title: "Scale, kept at the new size",
        name: ("resize_", ""),
        label: |factor| format!("{factor}"),
        rising: false,
    },
];

/// What happened at one point of an axis.
struct Point {
    value: f64,
    zs: Vec<f64>,
    detected: usize,
}

impl Axis {
    /// Collects the points, from the mildest attack to the harshest; the untouched picture comes
    /// first where it has a number.
    fn points(&self, matrix: &Matrix) -> Vec<Point> {
        let mut points: Vec<Point> = Vec::new();
        for (at, attack) in matrix.attacks.iter().enumerate() {
            let number = attack
                .name
                .strip_prefix(self.name.0)
                .and_then(|rest| rest.strip_suffix(self.name.1))
                .and_then(|number| number.parse::<f64>().ok());
            let Some(value) = number else {
                continue;
            };
            let pairs: Vec<&Pair> = matrix
                .pairs
                .iter()
                .filter(|pair| pair.attack == at)
                .collect();
            points.push(Point {
                value,
                zs: pairs.iter().map(|pair| pair.detection.z).collect(),
                detected: pairs.iter().filter(|pair| pair.detected()).count(),
            });
        }
        points.sort_by(|a, b| a.value.total_cmp(&b.value));
        if !self.rising {
            points.reverse();
        }
        points.retain(|point| !point.zs.is_empty());
        points
    }
}

/// Draws the curves, or nothing if no axis has two points.
pub(crate) fn curves(matrix: &Matrix, title: &str) -> Option<RgbImage> {
    let panels: Vec<(&Axis, Vec<Point>)> = AXES
        .iter()
        .map(|axis| (axis, axis.points(matrix)))
        .collect();
    if panels.iter().all(|(_, points)| points.len() < 2) {
        return None;
    }
    register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular()).ok()?;
    let mut pixels = vec![255; (SIZE.0 * SIZE.1 * 3) as usize];
    {
        let root = BitMapBackend::with_buffer(&mut pixels, SIZE).into_drawing_area();
        root.fill(&WHITE).unwrap();
        let body = root.titled(title, ("sans-serif", 26)).unwrap();
        for (area, (axis, points)) in body.split_evenly((2, 2)).into_iter().zip(panels) {
            if points.len() >= 2 {
                panel(&area, axis, &points).unwrap();
            }
        }
        root.present().unwrap();
    }
    RgbImage::from_raw(SIZE.0, SIZE.1, pixels)
}

type Drawn<'a> = Result<(), DrawingAreaErrorKind<<BitMapBackend<'a> as DrawingBackend>::ErrorType>>;

/// Draws one axis: the band from the least to the largest z, the median, every photograph as a dot,
/// and the share detected.
fn panel<'a>(
    area: &DrawingArea<BitMapBackend<'a>, Shift>,
    axis: &Axis,
    points: &[Point],
) -> Drawn<'a> {
    const BLUE: RGBColor = RGBColor(30, 90, 170);
    const RED: RGBColor = RGBColor(190, 30, 30);
    let last = points.len() as f64 - 0.5;
    let mut chart = ChartBuilder::on(area)
        .caption(axis.title, ("sans-serif", 20))
        .margin(14)
        .x_label_area_size(34)
        .y_label_area_size(44)
        .build_cartesian_2d(-0.5..last, -4.0..TOP)?;
    let label = |at: &f64| {
        let nearest = at.round();
        let point = points.get(nearest as usize);
        let exact = (at - nearest).abs() < 1e-6 && nearest >= 0.0;
        point
            .filter(|_| exact)
            .map_or(String::new(), |point| (axis.label)(point.value))
    };
    chart
        .configure_mesh()
        .x_labels(2 * points.len() + 1)
        .x_label_formatter(&label)
        .y_desc("z")
        .y_label_formatter(&|z| format!("{z:.0}"))
        .label_style(("sans-serif", 15))
        .light_line_style(TRANSPARENT)
        .draw()?;
    let place = |at: usize| at as f64;
    let edge = |of: fn(f64, f64) -> f64, start: f64| {
        let extreme = move |(at, point): (usize, &Point)| {
            (place(at), point.zs.iter().copied().fold(start, of))
        };
        points.iter().enumerate().map(extreme).collect::<Vec<_>>()
    };
    let mut band = edge(f64::min, f64::INFINITY);
    band.extend(edge(f64::max, f64::NEG_INFINITY).into_iter().rev());
    chart.draw_series([Polygon::new(band, BLUE.mix(0.15))])?;
    let dots = points.iter().enumerate().flat_map(|(at, point)| {
        let dot = move |z: &f64| Circle::new((place(at), *z), 2, BLUE.mix(0.4).filled());
        point.zs.iter().map(dot)
    });
    chart.draw_series(dots)?;
    let medians = points.iter().enumerate();
    let medians = medians.map(|(at, point)| (place(at), median(point.zs.clone())));
    chart.draw_series(LineSeries::new(medians, BLUE.stroke_width(3)))?;
    let line = [(-0.5, THRESHOLD), (last, THRESHOLD)];
    chart.draw_series(DashedLineSeries::new(line, 8, 6, RED.stroke_width(2)))?;
    let centred = Pos::new(HPos::Center, VPos::Top);
    let shares = points.iter().enumerate().map(|(at, point)| {
        let all = point.detected == point.zs.len();
        let colour = if all { RGBColor(0, 120, 60) } else { RED };
        let style = ("sans-serif", 15).into_font().color(&colour).pos(centred);
        let percent = 100.0 * point.detected as f64 / point.zs.len() as f64;
        Text::new(format!("{percent:.0} %"), (place(at), TOP - 1.0), style)
    });
    chart.draw_series(shares)?;
    Ok(())
}
