//! The places of a received picture that can be compared with the photo at all.

use crate::{
    imaging::Plane,
    watermark::{
        features::chroma::{CELL_COUNT, CELLS, ChromaCells},
        geometry::{coverage::Coverage, homography::Homography},
        layout::{TILE, TILE_COUNT, TILES},
        sampling::blur::Blur,
    },
};

/// Returns the tiles whose sums may be compared.
///
/// The lapped transform wraps around, so a tile at an edge of the photo also needs the tile at the
/// opposite edge. Where the picture's frame is not the photo's, resampling mixes its edge with what
/// lies beyond: the outermost tiles are left out.
pub(super) fn comparable(map: &Homography, coverage: &Coverage) -> Coverage {
    let last = TILES - 1;
    let reframed = !keeps_frame(map);
    let wraps = |at: usize| if at == 0 || at == last { last - at } else { at };
    Coverage::from_fn(|tile| {
        let (column, row) = (tile % TILES, tile / TILES);
        let edge = wraps(column) != column || wraps(row) != row;
        coverage.shows(tile)
            && coverage.shows(row * TILES + wraps(column))
            && coverage.shows(wraps(row) * TILES + column)
            && !(reframed && edge)
    })
}

/// Returns whether the four corners of the photo are those of the received picture, in some order.
pub(super) fn keeps_frame(map: &Homography) -> bool {
    let corner = |at: f64| at.abs() < 2e-3 || (at - 1.0).abs() < 2e-3;
    [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)]
        .iter()
        .all(|&(u, v)| map.apply(u, v).is_some_and(|(x, y)| corner(x) && corner(y)))
}

/// Returns the cell that a tile belongs to.
pub(super) fn cell_of(tile: usize) -> usize {
    tile / TILES / 2 * CELLS + tile % TILES / 2
}

/// Returns the four tiles of a cell.
pub(super) fn tiles_of(cell: usize) -> impl Iterator<Item = usize> {
    let first = cell / CELLS * 2 * TILES + cell % CELLS * 2;
    [first, first + 1, first + TILES, first + TILES + 1].into_iter()
}

/// Returns, for each tile, the share of its sums' window that reaches the limits of red, green or
/// blue, 0..=1.
///
/// Colours are known as means over cells only, so a cell that looks close to a limit counts as
/// well. Half of a tile's window is the tile, a quarter on each side its neighbours'.
pub(super) fn clipped(luma: &Plane, chroma: Option<&ChromaCells>) -> Vec<f32> {
    let mut at_limit = vec![0.0; TILE_COUNT];
    for cell in 0..CELL_COUNT {
        let colour = chroma.and_then(|chroma| chroma.cell(cell));
        let [b, r] = colour.unwrap_or_default();
        let offsets = [1.402 * r, -0.344_136 * b - 0.714_136 * r, 1.772 * b];
        let highest = offsets.into_iter().fold(0.0, f32::max);
        let lowest = offsets.into_iter().fold(0.0, f32::min);
        let margin = if highest - lowest > 4.0 { 6.0 } else { 1.5 };
        for tile in tiles_of(cell) {
            let (x, y) = (tile % TILES * TILE, tile / TILES * TILE);
            let count = (y..y + TILE)
                .flat_map(|y| &luma.row(y)[x..x + TILE])
                .filter(|&&luma| luma + highest > 255.0 - margin || luma + lowest < margin)
                .count();
            at_limit[tile] = count as f32 / (TILE * TILE) as f32;
        }
    }
    Blur::of(&[0.5, 0.25]).apply(TILES, &at_limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watermark::layout::GRID;

    #[test]
    fn a_tile_at_an_edge_needs_the_one_that_its_window_wraps_to() {
        let all = comparable(&Homography::IDENTITY, &Coverage::full());
        assert!(all.is_full());
        // The right-hand half: its last column wraps to the first, which is not shown.
        let half = Coverage::from_fn(|tile| tile % TILES >= 16);
        let shown = comparable(&Homography::IDENTITY, &half);
        assert_eq!(shown.count(), 15 * TILES);
        assert!(!shown.shows(31) && shown.shows(30));
    }

    #[test]
    fn a_picture_in_another_frame_is_compared_without_its_edge() {
        let border = Homography([[0.8, 0.0, 0.1], [0.0, 0.8, 0.1], [0.0, 0.0, 1.0]]);
        assert_eq!(comparable(&border, &Coverage::full()).count(), 30 * 30);
        let turned = Homography([[0.0, -1.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]);
        assert!(comparable(&turned, &Coverage::full()).is_full());
    }

    #[test]
    fn a_colour_may_clip_where_luma_does_not() {
        let mut luma = Plane::new(GRID, GRID);
        luma.data_mut().fill(180.0);
        luma.row_mut(100)[100] = 255.0;
        let clipped_tiles = |chroma| {
            clipped(&luma, chroma)
                .iter()
                .filter(|&&share| share > 0.0)
                .count()
        };
        assert_eq!(clipped_tiles(None), 9);
        let red = ChromaCells::from_fn(|cell| Some([0.0, if cell == 0 { 60.0 } else { 0.0 }]));
        assert_eq!(clipped_tiles(Some(&red)), 9 + 9);
    }
}
