use image::{ImageFormat, RgbImage};

use super::{picture::*, *};

fn file(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let picture = RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, 90]));
    picture.write_to(&mut bytes, format).expect("encoded");
    bytes.into_inner()
}

#[test]
fn pictures_of_every_format_are_unpacked() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
        let picture = unpack(&file(64, 48, format)).expect("a picture");
        assert_eq!((picture.width, picture.height, picture.rgb.len()), (64, 48, 64 * 48 * 3));
    }
}

#[test]
fn what_is_no_picture_says_why() {
    assert_eq!(unpack(b""), Err(PictureError::Unknown));
    assert_eq!(unpack(b"GIF89a and so on"), Err(PictureError::Unknown));
    assert_eq!(unpack(&file(1, 1, ImageFormat::Png)), Err(PictureError::TooSmall(1, 1)));
    assert_eq!(unpack(&file(31, 900, ImageFormat::Jpeg)), Err(PictureError::TooSmall(31, 900)));
    assert_eq!(unpack(&file(4_097, 40, ImageFormat::Png)), Err(PictureError::TooLarge));
    for format in [ImageFormat::Png, ImageFormat::WebP] {
        let whole = file(200, 200, format);
        assert_eq!(unpack(&whole[..whole.len() / 2]), Err(PictureError::Damaged), "{format:?}");
    }
    let jpeg = file(200, 200, ImageFormat::Jpeg);
    assert_eq!(unpack(&jpeg[..20]), Err(PictureError::Damaged));
}

#[test]
fn a_header_that_promises_the_moon_is_refused_before_anything_is_unpacked() {
    let mut bomb = file(64, 64, ImageFormat::Png);
    bomb[16..24].copy_from_slice(&[0x7F, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF]);
    assert!(matches!(unpack(&bomb), Err(PictureError::TooLarge | PictureError::Damaged)));
}

#[tokio::test]
async fn a_worker_that_cannot_start_is_unavailable_and_says_so() {
    let places = MediapipePlaces {
        program: "/nonexistent/duologue".into(),
        arguments: Vec::new(),
        library: "/nonexistent/libmediapipe.so".into(),
        model: "/nonexistent/face_landmarker.task".into(),
    };
    let engine = MediapipeFace::new(places);
    assert_eq!(FaceEngine::health(&engine), Health::Idle);
    let picture = Picture { width: 32, height: 32, rgb: vec![0; 32 * 32 * 3] };
    let error = FaceEngine::look(&engine, picture).await.expect_err("nothing to run");
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(matches!(FaceEngine::health(&engine), Health::Unavailable(_)));
}

#[tokio::test]
async fn a_worker_that_dies_is_broken_and_started_again() {
    // A shell that greets and then ends at the first picture.
    let script = r"printf '\005\000\000\000ready'; head -c 8 >/dev/null";
    let places = MediapipePlaces {
        program: "/bin/sh".into(),
        arguments: vec!["-c".into(), script.into()],
        library: "none".into(),
        model: "none".into(),
    };
    let engine = MediapipeFace::new(places);
    for _ in 0..2 {
        let picture = Picture { width: 32, height: 32, rgb: vec![0; 32 * 32 * 3] };
        let error = FaceEngine::look(&engine, picture).await.expect_err("it died");
        assert_eq!(error.kind, ErrorKind::Broken);
    }
}

#[test]
fn answers_are_read_or_refused() {
    let picture = Picture { width: 64, height: 48, rgb: Vec::new() };
    assert_eq!(worker::read_frame(&[0], &picture), Ok(Frame::empty(64, 48)));
    assert_eq!(worker::read_frame(b"\xFFno", &picture), Err("no".into()));
    assert!(worker::read_frame(&[], &picture).is_err());
    assert!(worker::read_frame(&[1, 2, 3], &picture).is_err());
    let floats = 52 + 16 + 3 * 478;
    let answer: Vec<u8> = std::iter::once(1).chain((0..floats).flat_map(|_| 0.5_f32.to_le_bytes())).collect();
    let frame = worker::read_frame(&answer, &picture).expect("a face");
    assert!(frame.blendshapes.is_some() && frame.matrix.is_some() && frame.points.is_some());
}
