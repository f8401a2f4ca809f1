//! Pictures from outside: JPEG, PNG or WebP into RGB, within limits that are checked before anything is unpacked.

use std::io::Cursor;

use image::{ImageReader, Limits};

use crate::port::Picture;

/// Pixels on one side at most: more than any camera of a laptop has.
pub const LARGEST: u32 = 4_096;
/// Pixels on one side at least: the smallest face that the landmarker finds has some fifty.
pub const SMALLEST: u32 = 32;
/// What unpacking may take: four bytes for each pixel of the largest, and as much beside it.
const MEMORY: u64 = 2 * 4 * (LARGEST as u64) * (LARGEST as u64);

/// Why a picture is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// No format that is known.
    #[error("this is no JPEG, PNG or WebP picture")]
    Unknown,
    /// It breaks off, or its inside is none.
    #[error("the picture is damaged or incomplete")]
    Damaged,
    /// Too many pixels.
    #[error("the picture is too large: at most {LARGEST}×{LARGEST} pixels")]
    TooLarge,
    /// Too few pixels.
    #[error("the picture is too small: {0}×{1} pixels, at least {SMALLEST}×{SMALLEST}")]
    TooSmall(u32, u32),
}

/// Bytes of the pixels of a picture of this size, the largest at most.
pub(super) fn bytes(width: u32, height: u32) -> usize {
    (width.min(LARGEST) as usize) * (height.min(LARGEST) as usize) * 3
}

/// Unpacks a picture. Takes some 10 ms for a megapixel: not for a runtime's thread.
///
/// # Errors
/// It is no picture, damaged, too large or too small.
pub fn unpack(file: &[u8]) -> Result<Picture, PictureError> {
    let reader =
        || ImageReader::new(Cursor::new(file)).with_guessed_format().map_err(|_| PictureError::Unknown);
    if reader()?.format().is_none() {
        return Err(PictureError::Unknown);
    }
    let (width, height) = reader()?.into_dimensions().map_err(|error| refused(&error))?;
    if width > LARGEST || height > LARGEST {
        return Err(PictureError::TooLarge);
    }
    if width < SMALLEST || height < SMALLEST {
        return Err(PictureError::TooSmall(width, height));
    }
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(LARGEST), Some(LARGEST));
    limits.max_alloc = Some(MEMORY);
    let mut whole = reader()?;
    whole.limits(limits);
    let rgb = whole.decode().map_err(|error| refused(&error))?.into_rgb8();
    Ok(Picture { width: rgb.width(), height: rgb.height(), rgb: rgb.into_raw() })
}

fn refused(error: &image::ImageError) -> PictureError {
    match error {
        image::ImageError::Unsupported(_) => PictureError::Unknown,
        image::ImageError::Limits(_) => PictureError::TooLarge,
        _ => PictureError::Damaged,
    }
}
