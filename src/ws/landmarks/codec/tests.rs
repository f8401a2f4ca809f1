use duologue_domain::face::MESH_IDS;
use serde_json::json;

use super::*;

fn whole() -> Landmarks {
    let frame = Frame {
        faces: 1,
        width: 640,
        height: 360,
        mirrored: true,
        blendshapes: Some(std::array::from_fn(|index| index as f32 * 5.0 / 255.0)),
        matrix: Some(std::array::from_fn(|index| index as f32 - 7.5)),
        points: Some(std::array::from_fn(|index| [index as f32 / 64.0, 0.5, -0.25])),
    };
    Landmarks { sent_us: 0x0102_0304_0506, frame }
}

fn code(bytes: &[u8]) -> &'static str {
    decode(bytes).expect_err("refused").code
}

fn json_code(value: Value) -> &'static str {
    from_json(&value).expect_err("refused").code
}

#[test]
fn the_frame_is_as_documented() {
    let bytes = encode(&whole(), 0x0A0B_0C0D);
    assert_eq!(bytes.len(), 24 + 52 + 64 + 36 * 6);
    let header =
        [0x44, 1, 2, 1, 0x0D, 0x0C, 0x0B, 0x0A, 6, 5, 4, 3, 2, 1, 0, 0, 0x80, 2, 0x68, 1, 7, 0, 36, 0];
    assert_eq!(bytes[..24], header);
    assert_eq!(bytes[24..27], [0, 5, 10]);
    assert_eq!(bytes[76..80], (-7.5_f32).to_le_bytes());
    assert_eq!(bytes[140..146], [0, 0, 0, 0x20, 0, 0xF0]);
}

#[test]
fn what_is_written_is_read() {
    let landmarks = whole();
    assert_eq!(decode(&encode(&landmarks, 7)), Ok(landmarks));
    for faces in [0, 2] {
        let bare = Landmarks { sent_us: 0, frame: Frame { faces, ..Frame::empty(64, 48) } };
        assert_eq!(decode(&encode(&bare, 0)), Ok(bare));
    }
}

#[test]
fn of_a_whole_mesh_the_documented_points_are_kept() {
    let mut bytes = encode(&Landmarks { sent_us: 1, frame: Frame { faces: 1, ..Frame::empty(64, 48) } }, 1);
    bytes[22..24].copy_from_slice(&478_u16.to_le_bytes());
    for id in 0..478_i16 {
        bytes.extend([id, -id, 0].iter().flat_map(|value| value.to_le_bytes()));
    }
    let points = decode(&bytes).expect("a mesh").frame.points.expect("points");
    let ids = points.map(|[x, y, _]| {
        assert_eq!(x, -y);
        (x * 16_384.0) as usize
    });
    assert_eq!(ids, MESH_IDS);
}

#[test]
fn every_refusal_has_its_code() {
    let good = encode(&whole(), 0);
    let with = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        bytes
    };
    assert_eq!(code(&[]), "landmarks_bad_header");
    assert_eq!(code(&good[..23]), "landmarks_bad_header");
    assert_eq!(code(&with(1, 2)), "landmarks_bad_header");
    assert_eq!(code(&with(20, 8)), "landmarks_bad_header");
    assert_eq!(code(&good[..good.len() - 1]), "landmarks_wrong_length");
    assert_eq!(code(&[good.clone(), vec![0]].concat()), "landmarks_wrong_length");
    assert_eq!(code(&with(20, 6 - 4)), "landmarks_wrong_length");
    assert_eq!(code(&with(22, 35)), "landmarks_wrong_count");
    assert_eq!(code(&with(23, 255)), "landmarks_wrong_count");
    assert_eq!(code(&with(3, 17)), "landmarks_out_of_range");
    assert_eq!(code(&with(17, 0xFF)), "landmarks_out_of_range");
    let mut nan = good.clone();
    nan[76..80].copy_from_slice(&f32::NAN.to_le_bytes());
    assert_eq!(code(&nan), "landmarks_not_a_number");
    nan[76..80].copy_from_slice(&1e9_f32.to_le_bytes());
    assert_eq!(code(&nan), "landmarks_out_of_range");
}

#[test]
fn sound_is_not_taken_for_landmarks() {
    let loud: Vec<u8> = (0..9_600_u32).flat_map(|index| ((index * 7_919) as i16).to_le_bytes()).collect();
    assert!(!claims(&loud) && !claims(&[0; 960]) && !claims(&[0x44, 1, 2]));
    assert!(claims(&encode(&whole(), 0)));
}

#[test]
fn json_says_the_same() {
    let landmarks = whole();
    let frame = &landmarks.frame;
    let value = json!({
        "type": EVENT, "t_us": landmarks.sent_us, "faces": 1, "width": 640, "height": 360, "mirrored": true,
        "blendshapes": frame.blendshapes.unwrap().to_vec(), "matrix": frame.matrix.unwrap(),
        "landmarks": frame.points.unwrap().to_vec(),
    });
    assert_eq!(from_json(&value), Ok(landmarks));
    let named = json!({"width": 9, "height": 9, "blendshapes": {"eyeBlinkLeft": 0.5, "tongueOut": 1}});
    let shapes = from_json(&named).expect("by name").frame.blendshapes.expect("shapes");
    assert_eq!((shapes[9], shapes.iter().sum::<f32>()), (0.5, 0.5));
    let empty = from_json(&json!({"type": EVENT, "faces": 0})).expect("nobody");
    assert_eq!(empty.frame, Frame::empty(0, 0));
}

#[test]
fn json_refusals_have_the_same_codes() {
    let sized = |mut value: Value| {
        value["width"] = json!(640);
        value["height"] = json!(360);
        value
    };
    assert_eq!(json_code(sized(json!({"landmarks": [[0, 0, 0]]}))), "landmarks_wrong_count");
    assert_eq!(json_code(sized(json!({"landmarks": vec![[0, 0]; 36]}))), "landmarks_wrong_count");
    assert_eq!(
        json_code(sized(json!({"landmarks": vec![[Value::Null, json!(0), json!(0)]; 36]}))),
        "landmarks_not_a_number"
    );
    assert_eq!(json_code(sized(json!({"landmarks": vec![[1e30, 0.0, 0.0]; 36]}))), "landmarks_out_of_range");
    assert_eq!(json_code(sized(json!({"landmarks": "x"}))), "landmarks_not_a_list");
    assert_eq!(json_code(sized(json!({"matrix": [1, 2, 3]}))), "landmarks_wrong_count");
    assert_eq!(json_code(sized(json!({"blendshapes": vec![0.5; 51]}))), "landmarks_wrong_count");
    assert_eq!(json_code(sized(json!({"blendshapes": vec![0.5; 90_000]}))), "landmarks_wrong_count");
    assert_eq!(json_code(sized(json!({"blendshapes": {"jawOpen": 7}}))), "landmarks_out_of_range");
    assert_eq!(json_code(json!({"blendshapes": {"jawOpen": 1}})), "landmarks_out_of_range");
    assert_eq!(json_code(json!({"t_us": -4})), "landmarks_not_a_number");
    assert_eq!(json_code(json!({"faces": 300})), "landmarks_out_of_range");
}
