//! The order of showing that AVC and HEVC samples carry in themselves, for containers that give them no presentation times.
#![allow(unsafe_code)]

use std::ptr::{self, NonNull};

use ffmpeg_sys_next as av;

use super::decoder::silence;
use crate::media::Codec;

/// Reads the picture order count (ISO/IEC 14496-10 section 8.2.1, ISO/IEC 23008-2 section 8.3.1) of sample after sample.
#[derive(Debug)]
pub(super) struct Order {
    parser: NonNull<av::AVCodecParserContext>,
    context: NonNull<av::AVCodecContext>,
    /// A copy of the sample with the padding that libavcodec reads past it.
    padded: Vec<u8>,
}

impl Order {
    /// A reader for a track of `codec`; `None` where its samples do not say their order.
    pub(super) fn of_codec(codec: Codec, config: &[u8]) -> Option<Order> {
        let id = match codec {
            Codec::Avc => av::AVCodecID::AV_CODEC_ID_H264,
            Codec::Hevc => av::AVCodecID::AV_CODEC_ID_HEVC,
            _ => return None,
        };
        silence();
        // SAFETY: plain constructors; checked for null. A context without a codec is all that a parser needs. Its
        // configuration is a padded copy that the context owns.
        unsafe {
            let context = NonNull::new(av::avcodec_alloc_context3(ptr::null()))?;
            let Some(parser) = NonNull::new(av::av_parser_init(id as i32)) else {
                av::avcodec_free_context(&mut context.as_ptr());
                return None;
            };
            let order = Order { parser, context, padded: Vec::new() };
            (*parser.as_ptr()).flags |= av::PARSER_FLAG_COMPLETE_FRAMES;
            (*context.as_ptr()).codec_id = id;
            let extradata = av::av_mallocz(config.len() + av::AV_INPUT_BUFFER_PADDING_SIZE as usize).cast::<u8>();
            if !extradata.is_null() {
                ptr::copy_nonoverlapping(config.as_ptr(), extradata, config.len());
                (*context.as_ptr()).extradata = extradata;
                (*context.as_ptr()).extradata_size = i32::try_from(config.len()).unwrap_or(0);
            }
            Some(order)
        }
    }

    /// The place of the next sample in the order of showing, since the last sample that began a new count.
    pub(super) fn next(&mut self, sample: &[u8]) -> Option<i32> {
        self.padded.clear();
        self.padded.extend_from_slice(sample);
        self.padded.resize(sample.len() + av::AV_INPUT_BUFFER_PADDING_SIZE as usize, 0);
        let (mut out, mut out_size) = (ptr::null_mut(), 0);
        let size = i32::try_from(sample.len()).ok().filter(|&size| size > 0)?;
        // SAFETY: both contexts are alive; the sample is padded as the parser wants it. A parser of complete frames points
        // `out` into what it was given and keeps nothing of it.
        unsafe {
            (*self.parser.as_ptr()).output_picture_number = i32::MIN;
            av::av_parser_parse2(
                self.parser.as_ptr(),
                self.context.as_ptr(),
                &mut out,
                &mut out_size,
                self.padded.as_ptr(),
                size,
                av::AV_NOPTS_VALUE,
                av::AV_NOPTS_VALUE,
                0,
            );
            Some((*self.parser.as_ptr()).output_picture_number).filter(|&number| number != i32::MIN)
        }
    }
}

impl Drop for Order {
    fn drop(&mut self) {
        // SAFETY: both are owned and freed once, here.
        unsafe {
            av::av_parser_close(self.parser.as_ptr());
            av::avcodec_free_context(&mut self.context.as_ptr());
        }
    }
}
