//! PNG palettes: written again where the source had one and the colours fit.

use super::{
    super::{Economy, Encoding, Format, Layout, Palette, Pixels, Raster, Samples, Sparse, encode},
    samples::{accept, photo},
};

/// A picture of `colours` colours, every third of them half transparent if there is alpha.
fn coloured(colours: u32, layout: Layout) -> Raster {
    let mut samples = Vec::new();
    for at in 0..61 * 37_u32 {
        let index = (at * 7 % colours) as u8;
        samples.extend([index, 255 - index, index / 2]);
        if layout.has_alpha() {
            samples.push(if index % 3 == 2 { 128 } else { 255 });
        }
    }
    Raster::new(61, 37, layout, Samples::U8(samples)).unwrap()
}

fn indexed_file(raster: Raster) -> Vec<u8> {
    let mut source = photo(Format::Png, raster, Encoding::Lossless);
    source.economy = Economy::Sparse(Sparse {
        indexed: true,
        bilevel: false,
        nearly_empty: false,
    });
    encode(&source).unwrap()
}

#[test]
fn few_colours_are_written_as_a_palette_of_the_least_depth() {
    for layout in [Layout::Rgb, Layout::Rgba] {
        for (colours, depth) in [
            (1, 1),
            (2, 1),
            (3, 2),
            (4, 2),
            (5, 4),
            (16, 4),
            (17, 8),
            (256, 8),
        ] {
            let raster = coloured(colours, layout);
            let file = indexed_file(raster.clone());
            let (written_depth, colour_type) = (file[24], file[25]);
            assert_eq!((written_depth, colour_type), (depth, 3), "{colours}");
            let again = accept(&file);
            let Pixels::Raster(found) = &again.pixels else {
                panic!("not a raster")
            };
            assert_eq!(found, &raster, "{colours}");
            assert!(matches!(again.economy, Economy::Sparse(sparse) if sparse.indexed));
        }
    }
}

#[test]
fn more_colours_than_a_palette_has_become_true_colour() {
    let mut samples = vec![0; 61 * 37 * 3];
    for (at, pixel) in samples.chunks_exact_mut(3).enumerate() {
        let at = at % 257;
        pixel[0] = (at % 256) as u8;
        pixel[1] = (at / 256) as u8;
    }
    let raster = Raster::new(61, 37, Layout::Rgb, Samples::U8(samples)).unwrap();
    assert_eq!(Palette::of(&raster), None);
    let file = indexed_file(raster.clone());
    assert_eq!(file[25], 2);
    assert!(matches!(accept(&file).pixels, Pixels::Raster(found) if found == raster));
}

#[test]
fn colours_that_are_not_seen_do_not_count() {
    let samples = [[9, 9, 9, 0], [9, 9, 9, 1], [8, 8, 8, 255], [8, 8, 8, 255]];
    let raster = Raster::new(2, 2, Layout::Rgba, Samples::U8(samples.concat())).unwrap();
    let palette = Palette::of(&raster).unwrap();
    assert_eq!(palette.colours, samples[..3]);
    assert_eq!(palette.visible_counts(), [0, 1, 2]);
}
