//! How large the page is for itself, and how few pixels are drawn of it while nobody looks.
//!
//! Chromium keeps a frame and tiles of the page's pixels in memory. A page is told of a screen of a quarter of the density, as where a
//! person has zoomed out: it lies as on any screen, and a sixteenth of the pixels is drawn (measured: docs/memory.md). For a picture the
//! density is that of a screen, and then the quarter again.

use chromiumoxide::cdp::browser_protocol::{
    emulation::SetDeviceMetricsOverrideParams,
    page::{CaptureScreenshotFormat, CaptureScreenshotParams, Viewport},
};

/// The argument by which a larger or smaller page is asked for: `--window-size=1280,800`.
const WINDOW_SIZE: &str = "--window-size=";
/// CSS pixels; headless Chromium's own size.
const USUAL: View = View { width: 800, height: 600 };
/// CSS pixels a device pixel, while nobody looks.
const AT_REST: u32 = 4;

/// The size of a page in CSS pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct View {
    width: u32,
    height: u32,
}

impl View {
    /// As the last of the arguments asks that says so, or the usual size.
    pub(super) fn asked_for<'a>(arguments: impl Iterator<Item = &'a String>) -> Self {
        arguments.filter_map(|argument| parse(argument)).last().unwrap_or(USUAL)
    }

    /// The argument for a window of the pixels that are drawn.
    pub(super) fn window_argument(self) -> String {
        format!("{WINDOW_SIZE}{},{}", self.width.div_ceil(AT_REST), self.height.div_ceil(AT_REST))
    }

    /// The page while nobody looks at it.
    pub(super) fn at_rest(self) -> SetDeviceMetricsOverrideParams {
        self.of_density(1.0 / f64::from(AT_REST))
    }

    /// The page while a picture of it is taken.
    pub(super) fn for_a_picture(self) -> SetDeviceMetricsOverrideParams {
        self.of_density(1.0)
    }

    fn of_density(self, density: f64) -> SetDeviceMetricsOverrideParams {
        let mut params = SetDeviceMetricsOverrideParams::new(self.width, self.height, density, false);
        params.screen_width = Some(self.width.into());
        params.screen_height = Some(self.height.into());
        params
    }
}

/// The picture of one pixel.
pub(super) fn a_pixel() -> CaptureScreenshotParams {
    let corner = Viewport { x: 0.0, y: 0.0, width: 1.0, height: 1.0, scale: 1.0 };
    CaptureScreenshotParams {
        format: Some(CaptureScreenshotFormat::Jpeg),
        clip: Some(corner),
        ..CaptureScreenshotParams::default()
    }
}

fn parse(argument: &str) -> Option<View> {
    let (width, height) = argument.strip_prefix(WINDOW_SIZE)?.split_once([',', 'x'])?;
    let size = |text: &str| text.trim().parse().ok().filter(|size| (1..=10_000).contains(size));
    Some(View { width: size(width)?, height: size(height)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_size_that_is_one_counts() {
        let of = |arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
            View::asked_for(arguments.iter())
        };
        assert_eq!(of(&[]), USUAL);
        assert_eq!(of(&["--lang=es", "--window-size=1280,800"]), View { width: 1280, height: 800 });
        assert_eq!(of(&["--window-size=1280,800", "--window-size=640x481"]), View { width: 640, height: 481 });
        for wrong in
            ["--window-size=", "--window-size=1280", "--window-size=0,0", "--window-size=a,b", "--window-size=99999,1"]
        {
            assert_eq!(of(&[wrong]), USUAL, "{wrong}");
        }
        assert_eq!(of(&["--window-size=640x481"]).window_argument(), "--window-size=160,121");
    }

    #[test]
    fn a_picture_has_every_pixel_and_the_page_does_not_move() {
        let view = View { width: 1280, height: 800 };
        let (rest, picture) = (view.at_rest(), view.for_a_picture());
        assert_eq!((rest.width, rest.height), (picture.width, picture.height));
        assert_eq!(picture.device_scale_factor, 1.0);
        assert!(rest.device_scale_factor < 1.0);
    }
}
