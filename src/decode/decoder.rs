//! One open decoder of libavcodec: coded samples in, frames out.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::io::ErrorKind;
use std::ptr::{self, NonNull};
use std::sync::Once;

use ffmpeg_sys_next as av;

use crate::error::{Error, Kind, Result};
use crate::media::picture::Size;
use crate::media::{Codec, Track};

/// Longest sample that is handed to a decoder. Intra pictures of 8K ProRes stay under 100 MiB.
pub(super) const SAMPLE_BYTES_MAX: usize = 256 << 20;

/// Longest codec configuration that is believed.
const CONFIG_BYTES_MAX: usize = 1 << 20;

/// The decoder that is opened for a codec, by its name in libavcodec. No other is ever opened.
pub(super) fn name(codec: Codec) -> Result<&'static CStr> {
    match codec {
        Codec::Avc => Ok(c"h264"),
        Codec::Hevc => Ok(c"hevc"),
        Codec::Av1 => Ok(c"libdav1d"),
        Codec::Vp8 => Ok(c"vp8"),
        Codec::Vp9 => Ok(c"vp9"),
        Codec::Mpeg1 => Ok(c"mpeg1video"),
        Codec::Mpeg2 => Ok(c"mpeg2video"),
        Codec::Mpeg4 => Ok(c"mpeg4"),
        Codec::ProRes => Ok(c"prores"),
        Codec::Mjpeg => Ok(c"mjpeg"),
        Codec::Theora => Ok(c"theora"),
        Codec::Spark => Ok(c"flv"),
        Codec::Wmv1 => Ok(c"wmv1"),
        Codec::Wmv2 => Ok(c"wmv2"),
        Codec::MsMpeg4V2 => Ok(c"msmpeg4v2"),
        Codec::MsMpeg4V3 => Ok(c"msmpeg4"),
        Codec::Aac | Codec::Mp3 | Codec::Ac3 | Codec::Eac3 | Codec::Opus | Codec::Flac | Codec::Vorbis => {
            Err(Error::new(Kind::Internal, "sound was to be decoded"))
        }
        Codec::Other(number) => {
            let letters = String::from_utf8(number.to_be_bytes().to_vec()).ok();
            let letters = letters.filter(|letters| letters.bytes().all(|byte| byte.is_ascii_graphic()));
            let given = letters.unwrap_or_else(|| format!("number {number}"));
            Err(Error::unsupported(format!("video of codec {given} is not decoded, only {DECODED}")))
        }
    }
}

/// Fails with [`Kind::TooLarge`] for pictures of more than `pixels_max`.
pub(super) fn check_size(coded: Size, pixels_max: u64) -> Result<()> {
    if coded.area() > pixels_max {
        let pixels = coded.area();
        let message =
            format!("the pictures of the video are {coded}, {pixels} pixels; at most {pixels_max} are decoded");
        return Err(Error::too_large(message));
    }
    Ok(())
}

/// The names of everything that is decoded, for people.
const DECODED: &str = "AVC, HEVC, AV1, VP8, VP9, MPEG-1, MPEG-2, MPEG-4 (Microsoft's too), ProRes, Motion JPEG, Theora, \
    Sorenson Spark and Windows Media Video 7 and 8";

/// Makes libav keep what it has to say to itself. Its words would go to stderr past the log, one line a damaged sample.
pub(super) fn silence() {
    static ONCE: Once = Once::new();
    // SAFETY: sets one global integer of libavutil, which it reads and writes atomically enough for a log level.
    ONCE.call_once(|| unsafe { av::av_log_set_level(av::AV_LOG_QUIET) });
}

/// The four letters that tell a decoder what the codec alone does not; zero where there is nothing to tell. ProRes 4444 has
/// 12 bits, and its frame header (SMPTE RDD 36 section 5.1.1) tells it from the rest of the family by its chroma.
pub(super) fn tag(codec: Codec, first: &[u8]) -> u32 {
    const CHROMA_AT: usize = 20;
    let is_4444 = codec == Codec::ProRes && first.get(CHROMA_AT).is_some_and(|flags| flags >> 6 == 3);
    if is_4444 { u32::from_le_bytes(*b"ap4h") } else { 0 }
}

/// An open decoder.
#[derive(Debug)]
pub(super) struct Decoder {
    context: NonNull<av::AVCodecContext>,
    packet: NonNull<av::AVPacket>,
}

// SAFETY: the context and the packet are owned by this value alone and are not bound to a thread (thread_count is 1, so
// libavcodec starts none of its own).
unsafe impl Send for Decoder {}

/// What came of asking a decoder for a frame.
#[derive(Debug)]
pub(super) enum Output {
    /// A frame.
    Frame(Frame),
    /// None until more is sent.
    Hungry,
    /// None until it is reset.
    Drained,
    /// A sample was damaged; ask again.
    Damaged,
}

impl Decoder {
    /// Opens the decoder of a video track, under the four letters that [`tag`] gives, for pictures of at most `pixels_max`.
    pub(super) fn open(track: &Track, tag: u32, pixels_max: u64) -> Result<Decoder> {
        silence();
        let name = name(track.codec)?;
        let coded = track.video().map(|format| format.coded).unwrap_or_default();
        check_size(coded, pixels_max)?;
        // SAFETY: the name is a C string; the codec found is static.
        let codec = unsafe { av::avcodec_find_decoder_by_name(name.as_ptr()) };
        if codec.is_null() {
            return Err(Error::unsupported(format!("this build of libavcodec has no decoder {name:?}")));
        }
        // SAFETY: plain constructors; each result is checked for null before use.
        let (context, packet) = unsafe { (av::avcodec_alloc_context3(codec), av::av_packet_alloc()) };
        let (context, packet) = match (NonNull::new(context), NonNull::new(packet)) {
            (Some(context), Some(packet)) => (context, packet),
            _ => return Err(out_of_memory()),
        };
        let mut decoder = Decoder { context, packet };
        decoder.configure(track, coded, pixels_max)?;
        // SAFETY: the context is owned and not open yet.
        unsafe { (*context.as_ptr()).codec_tag = tag };
        // SAFETY: the context was made for this codec and is not open yet; no options.
        check(unsafe { av::avcodec_open2(decoder.context.as_ptr(), codec, ptr::null_mut()) })
            .map_err(|error| Error::unsupported("the video's codec configuration is damaged").caused_by(error))?;
        Ok(decoder)
    }

    fn configure(&mut self, track: &Track, coded: Size, pixels_max: u64) -> Result<()> {
        // SAFETY: the context is owned, not open yet, and no other reference to it exists.
        let context = unsafe { self.context.as_mut() };
        context.thread_count = 1;
        context.thread_type = 0;
        context.max_pixels = i64::try_from(pixels_max).unwrap_or(i64::MAX);
        context.width = coded.width as i32;
        context.height = coded.height as i32;
        context.err_recognition = 0;
        // Frames with damage are still the best answer there is; and crop to the pixel instead of to an alignment.
        context.flags |= (av::AV_CODEC_FLAG_OUTPUT_CORRUPT | av::AV_CODEC_FLAG_UNALIGNED) as i32;
        if track.codec == Codec::Avc {
            // Without it a stream that does not state its reordering loses frames until the decoder has guessed the delay.
            // Waiting longer costs nothing here: the decoder is drained after the last sample.
            context.strict_std_compliance = av::FF_COMPLIANCE_STRICT;
        }
        self.set_config(&track.config)
    }

    fn set_config(&mut self, config: &[u8]) -> Result<()> {
        if config.is_empty() {
            return Ok(());
        }
        if config.len() > CONFIG_BYTES_MAX {
            return Err(Error::unsupported(format!("a codec configuration longer than {CONFIG_BYTES_MAX} bytes")));
        }
        // SAFETY: the buffer has room for the configuration and the padding that libavcodec reads past it, zeroed; the
        // context owns it from here on and frees it with itself.
        unsafe {
            let buffer = av::av_mallocz(config.len() + av::AV_INPUT_BUFFER_PADDING_SIZE as usize).cast::<u8>();
            if buffer.is_null() {
                return Err(out_of_memory());
            }
            ptr::copy_nonoverlapping(config.as_ptr(), buffer, config.len());
            let context = self.context.as_mut();
            context.extradata = buffer;
            context.extradata_size = config.len() as i32;
        }
        Ok(())
    }

    /// Hands over one sample, whose frame will carry `number`. False where the decoder finds it damaged.
    pub(super) fn send(&mut self, data: &[u8], number: i64) -> Result<bool> {
        if data.len() > SAMPLE_BYTES_MAX {
            return Err(Error::unsupported(format!("a video sample longer than {SAMPLE_BYTES_MAX} bytes")));
        }
        if data.is_empty() {
            // To libavcodec an empty packet is the end of the stream.
            return Ok(false);
        }
        // SAFETY: the packet is owned and empty; av_new_packet gives it a buffer of the length asked for, padding included,
        // which is filled whole; the decoder takes its own reference, so that the packet is emptied again right after.
        let status = unsafe {
            if av::av_new_packet(self.packet.as_ptr(), data.len() as i32) < 0 {
                return Err(out_of_memory());
            }
            let packet = self.packet.as_mut();
            ptr::copy_nonoverlapping(data.as_ptr(), packet.data, data.len());
            packet.pts = number;
            packet.dts = av::AV_NOPTS_VALUE;
            let status = av::avcodec_send_packet(self.context.as_ptr(), self.packet.as_ptr());
            av::av_packet_unref(self.packet.as_ptr());
            status
        };
        if status < 0 && os_error(status) == ErrorKind::OutOfMemory {
            return Err(out_of_memory());
        }
        Ok(status >= 0)
    }

    /// Says that no more samples come: what is held back for reordering comes out now.
    pub(super) fn finish(&mut self) {
        // SAFETY: a null packet is how the end is said; the context is open.
        unsafe { av::avcodec_send_packet(self.context.as_ptr(), ptr::null()) };
    }

    /// The next frame, if there is one.
    pub(super) fn receive(&mut self) -> Result<Output> {
        let mut frame = Frame::new()?;
        // SAFETY: the context is open and the frame is owned and empty.
        let status = unsafe { av::avcodec_receive_frame(self.context.as_ptr(), frame.0.as_mut()) };
        match status {
            0.. => Ok(Output::Frame(frame)),
            av::AVERROR_EOF => Ok(Output::Drained),
            status => match os_error(status) {
                ErrorKind::WouldBlock => Ok(Output::Hungry),
                ErrorKind::OutOfMemory => Err(out_of_memory()),
                _ => Ok(Output::Damaged),
            },
        }
    }

    /// Forgets all samples sent, and is ready for another keyframe.
    pub(super) fn reset(&mut self) {
        // SAFETY: the context is open.
        unsafe { av::avcodec_flush_buffers(self.context.as_ptr()) };
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        let (mut context, mut packet) = (self.context.as_ptr(), self.packet.as_ptr());
        // SAFETY: both are owned and freed once, here.
        unsafe {
            av::av_packet_free(&mut packet);
            av::avcodec_free_context(&mut context);
        }
    }
}

/// A decoded frame: a counted reference to planes that nobody writes to any more.
#[derive(Debug)]
pub(super) struct Frame(NonNull<av::AVFrame>);

// SAFETY: the frame is owned by this value alone; its planes are counted with atomics by libavutil. The planes are only
// read: the decoder writes to no frame after handing it out.
unsafe impl Send for Frame {}
// SAFETY: as above; all access through a shared reference is reading.
unsafe impl Sync for Frame {}

impl Frame {
    fn new() -> Result<Frame> {
        // SAFETY: a plain constructor; checked for null.
        NonNull::new(unsafe { av::av_frame_alloc() }).map(Frame).ok_or_else(out_of_memory)
    }

    /// The number of the sample it was decoded from, where the codec kept it.
    pub(super) fn number(&self) -> Option<usize> {
        usize::try_from(self.raw().pts).ok()
    }

    /// The frame as libavutil lays it out.
    pub(super) fn raw(&self) -> &av::AVFrame {
        // SAFETY: not null, owned, and written to by nobody while this reference lives. Its fields of enumerated types are
        // not to be read as such: a library may put numbers there that the headers do not name.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        let mut frame = self.0.as_ptr();
        // SAFETY: owned and freed once, here.
        unsafe { av::av_frame_free(&mut frame) };
    }
}

/// The error of a libav status, for the log.
pub(super) fn check(status: i32) -> std::result::Result<i32, String> {
    if status >= 0 {
        return Ok(status);
    }
    let mut text = [0u8; 128];
    // SAFETY: the buffer has the length that is said, and the function ends the text with a zero.
    unsafe { av::av_strerror(status, text.as_mut_ptr().cast(), text.len()) };
    let text = CStr::from_bytes_until_nul(&text).unwrap_or(c"unknown");
    Err(format!("libav: {} ({status})", text.to_string_lossy()))
}

/// The failure to get memory from libav.
pub(super) fn out_of_memory() -> Error {
    Error::new(Kind::Busy, "not enough memory to decode")
}

/// What a negative libav status means where it is a negated error number of the system.
fn os_error(status: i32) -> ErrorKind {
    std::io::Error::from_raw_os_error(status.saturating_neg()).kind()
}
