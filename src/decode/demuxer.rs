//! libavformat over bytes that somebody else reads: no protocol, no file name, no container that names other files.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};

use ffmpeg_sys_next as av;

use super::decoder::{check, out_of_memory, silence};
use super::scan::ReadAt;
use super::streams::{self, Stream};
use crate::error::{Error, Kind, Result};

/// The containers that may be opened, by their names in libavformat. None of them opens other files.
const CONTAINERS: &CStr =
    c"matroska,webm,mpegts,mpeg,avi,flv,ogg,asf,mpegvideo,m4v,ivf,mp3,wav,w64,flac,aac,ac3,eac3,aiff,caf,amr";

/// The decoders that libavformat may open to learn what a stream is.
const DECODERS: &CStr = c"h264,hevc,libdav1d,vp8,vp9,mpeg1video,mpeg2video,mpeg4,prores,mjpeg,\
    theora,flv,wmv1,wmv2,msmpeg4v2,msmpeg4,\
    aac,aac_latm,mp3float,mp3,mp2float,mp2,ac3,eac3,opus,flac,vorbis";

/// Most bytes read to learn what the streams are.
const PROBE_BYTES_MAX: i64 = 8 << 20;

/// Most microseconds of media read to learn what the streams are.
const PROBE_MICROS_MAX: i64 = 10_000_000;

/// Most streams that are believed.
pub(super) const STREAMS_MAX: usize = 64;

/// Bytes read at once.
const BUFFER_BYTES: usize = 256 << 10;

/// What libavformat reads from.
struct Input<'a> {
    reader: &'a mut dyn ReadAt,
    stop: &'a dyn Fn() -> bool,
    position: u64,
    /// Why reading failed last, for the log.
    failure: Option<std::io::Error>,
}

/// An open container.
pub(super) struct Demuxer<'a> {
    context: *mut av::AVFormatContext,
    io: *mut av::AVIOContext,
    packet: NonNull<av::AVPacket>,
    /// Lives as long as the context, at an address that does not move. Owned: made from a box, given back to one at the end.
    input: *mut Input<'a>,
}

/// How much is learnt of the streams when a container is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// What the header says.
    Header,
    /// What the first samples say too.
    Streams,
}

/// What the container says of one sample.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet {
    /// The stream it belongs to.
    pub(super) stream: usize,
    /// Where in the file it was found; `None` where that is unknown.
    pub(super) position: Option<u64>,
    /// Decoding time in ticks of the stream.
    pub(super) decode_time: Option<i64>,
    /// Presentation time in ticks of the stream.
    pub(super) time: Option<i64>,
    /// Length in ticks of the stream, zero where unknown.
    pub(super) duration: i64,
    /// Whether the container calls it a keyframe.
    pub(super) keyframe: bool,
}

impl<'a> Demuxer<'a> {
    /// Opens what `reader` gives. `stop` is asked at every read whether to give up.
    pub(super) fn open(reader: &'a mut dyn ReadAt, stop: &'a dyn Fn() -> bool, depth: Depth) -> Result<Demuxer<'a>> {
        silence();
        // SAFETY: plain constructors; all results are checked for null before use.
        let (context, packet, buffer) =
            unsafe { (av::avformat_alloc_context(), av::av_packet_alloc(), av::av_malloc(BUFFER_BYTES)) };
        let packet = NonNull::new(packet).ok_or_else(out_of_memory)?;
        let input = Box::into_raw(Box::new(Input { reader, stop, position: 0, failure: None }));
        let mut demuxer = Demuxer { context, io: ptr::null_mut(), packet, input };
        if context.is_null() || buffer.is_null() {
            return Err(out_of_memory());
        }
        // SAFETY: the buffer is of the length said and belongs to the I/O context from here on; the input outlives it.
        demuxer.io = unsafe {
            let length = BUFFER_BYTES as c_int;
            av::avio_alloc_context(buffer.cast(), length, 0, input.cast(), Some(read), None, Some(seek))
        };
        if demuxer.io.is_null() {
            return Err(out_of_memory());
        }
        demuxer.start(depth)?;
        Ok(demuxer)
    }

    fn start(&mut self, depth: Depth) -> Result<()> {
        // SAFETY: the context is allocated and not open; the options are C strings that libavformat copies. On failure
        // avformat_open_input frees the context and sets the pointer to null.
        let status = unsafe {
            let context = &mut *self.context;
            context.pb = self.io;
            context.flags |= av::AVFMT_FLAG_CUSTOM_IO;
            context.io_open = Some(refuse_open);
            context.probesize = PROBE_BYTES_MAX;
            context.max_analyze_duration = PROBE_MICROS_MAX;
            context.max_streams = STREAMS_MAX as c_int;
            context.interrupt_callback = av::AVIOInterruptCB { callback: Some(interrupted), opaque: self.input.cast() };
            let mut options = ptr::null_mut();
            av::av_dict_set(&mut options, c"format_whitelist".as_ptr(), CONTAINERS.as_ptr(), 0);
            av::av_dict_set(&mut options, c"codec_whitelist".as_ptr(), DECODERS.as_ptr(), 0);
            let status = av::avformat_open_input(&mut self.context, ptr::null(), ptr::null(), &mut options);
            av::av_dict_free(&mut options);
            status
        };
        self.judge(status, "the file is of no container that is read, or is damaged")?;
        if depth == Depth::Streams {
            // SAFETY: the context is open. A failure leaves what the header said.
            let status = unsafe { av::avformat_find_stream_info(self.context, ptr::null_mut()) };
            self.judge(status.min(0), "the streams of the file cannot be made out").or_else(lasting)?;
        }
        Ok(())
    }

    /// The error behind a negative status: that of the reader where it failed, else `message`.
    fn judge(&mut self, status: c_int, message: &str) -> Result<()> {
        // SAFETY: the input is alive, and libavformat, which alone uses it besides, is not running.
        let input = unsafe { &mut *self.input };
        if (input.stop)() {
            return Err(Error::new(Kind::TimedOut, "reading the file took longer than allowed"));
        }
        if let Some(failure) = input.failure.take() {
            return Err(Error::new(Kind::Unavailable, "the file could not be read").caused_by(failure));
        }
        check(status).map(drop).map_err(|cause| Error::unsupported(message).caused_by(cause))
    }

    /// The container's name in libavformat.
    pub(super) fn name(&self) -> &CStr {
        // SAFETY: the context is open, so its format is set; the name is a static C string.
        unsafe { CStr::from_ptr((*(*self.context).iformat).name) }
    }

    /// Whether the container numbers its streams.
    fn has_ids(&self) -> bool {
        // SAFETY: as above.
        unsafe { (*(*self.context).iformat).flags & av::AVFMT_SHOW_IDS != 0 }
    }

    /// How many streams were found so far.
    pub(super) fn stream_count(&self) -> usize {
        // SAFETY: the context is open.
        unsafe { (*self.context).nb_streams as usize }
    }

    /// The stream at place `at`.
    pub(super) fn stream(&self, at: usize) -> Option<Stream> {
        if at >= self.stream_count() {
            return None;
        }
        // SAFETY: the context is open; the array holds that many pointers to streams, which live as long as it.
        unsafe { streams::describe(*(*self.context).streams.add(at), at, self.has_ids()) }
    }

    /// The number of the stream at place `at`, as [`Stream::id`] has it.
    pub(super) fn number_of(&self, at: usize) -> Option<u32> {
        if at >= self.stream_count() {
            return None;
        }
        // SAFETY: as above.
        let id = unsafe { (*(*(*self.context).streams.add(at))).id };
        Some(streams::number(id, at, self.has_ids()))
    }

    /// The place of the stream with a number.
    pub(super) fn place_of(&self, number: u32) -> Option<usize> {
        (0..self.stream_count()).find(|&at| self.number_of(at) == Some(number))
    }

    /// The time that libavformat believes the stream at place `at` to start at, in its own units; zero where it has no idea.
    pub(super) fn start_time(&self, at: usize) -> i64 {
        if at >= self.stream_count() {
            return 0;
        }
        // SAFETY: as above.
        let start = unsafe { (*(*(*self.context).streams.add(at))).start_time };
        if start == av::AV_NOPTS_VALUE { 0 } else { start }
    }

    /// The next sample, `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<Packet>> {
        // SAFETY: the context is open; the packet is owned, and emptied before it is filled again.
        let status = unsafe {
            av::av_packet_unref(self.packet.as_ptr());
            av::av_read_frame(self.context, self.packet.as_ptr())
        };
        if status < 0 {
            // Damage in the middle ends the file as far as libavformat can go: what came before counts.
            return self.judge(0, "").map(|()| None);
        }
        // SAFETY: the packet is owned, and av_read_frame filled it.
        let packet = unsafe { self.packet.as_ref() };
        Ok(Some(Packet {
            stream: usize::try_from(packet.stream_index).unwrap_or(usize::MAX),
            position: u64::try_from(packet.pos).ok(),
            decode_time: (packet.dts != av::AV_NOPTS_VALUE).then_some(packet.dts),
            time: (packet.pts != av::AV_NOPTS_VALUE).then_some(packet.pts),
            duration: packet.duration.max(0),
            keyframe: packet.flags & av::AV_PKT_FLAG_KEY != 0,
        }))
    }

    /// The bytes of the last sample.
    pub(super) fn data(&self) -> &[u8] {
        // SAFETY: the packet is owned; where it holds data, it is of that size, and stays until it is filled anew, which
        // takes the demuxer mutably.
        unsafe {
            let packet = self.packet.as_ref();
            match usize::try_from(packet.size) {
                Ok(size @ 1..) if !packet.data.is_null() => std::slice::from_raw_parts(packet.data, size),
                _ => &[],
            }
        }
    }

    /// The opacity that Matroska carries beside the last sample: block addition 1 of VP8 and VP9 (RFC 9559 section 5.1.3.5.2.2).
    pub(super) fn alpha(&self) -> Option<&[u8]> {
        const ID_BYTES: usize = 8;
        const OPACITY: [u8; ID_BYTES] = 1u64.to_be_bytes();
        let kind = av::AVPacketSideDataType::AV_PKT_DATA_MATROSKA_BLOCKADDITIONAL;
        let mut length = 0;
        // SAFETY: the packet is owned; the side data is of the length written, and stays as long as the packet's bytes.
        let addition = unsafe {
            let data = av::av_packet_get_side_data(self.packet.as_ptr(), kind, &mut length);
            if data.is_null() {
                return None;
            }
            std::slice::from_raw_parts(data, length)
        };
        addition.strip_prefix(&OPACITY)
    }

    /// Where the bytes of the last sample lie in the file as one run, if they do so within `window` bytes of where it was found.
    pub(super) fn payload(&mut self, position: u64, window: usize, scratch: &mut Vec<u8>) -> Option<u64> {
        let wanted = self.data().len();
        let room = self.size().checked_sub(position)?;
        let length = (wanted + window).min(usize::try_from(room).unwrap_or(usize::MAX));
        scratch.resize(length, 0);
        if wanted == 0 || !self.read_beside(position, scratch) {
            return None;
        }
        let data = self.data();
        let found = scratch.windows(wanted).take(window + 1).position(|run| run == data)?;
        Some(position + found as u64)
    }

    /// The length of the file.
    fn size(&self) -> u64 {
        // SAFETY: the input is alive, and libavformat is not running.
        unsafe { (*self.input).reader.size() }
    }

    /// Fills `buffer` from `offset` of the file, beside what libavformat reads. False where the file ends before.
    fn read_beside(&mut self, offset: u64, buffer: &mut [u8]) -> bool {
        // SAFETY: the input is alive, and libavformat is not running. Its place in the file is its own and not moved.
        let input = unsafe { &mut *self.input };
        let mut filled = 0;
        while filled < buffer.len() {
            match input.reader.read_at(offset.saturating_add(filled as u64), &mut buffer[filled..]) {
                Ok(0) | Err(_) => return false,
                Ok(count) => filled += count,
            }
        }
        true
    }

    /// Goes to the byte `offset`; what comes next is the first sample found from there on.
    pub(super) fn seek_to_byte(&mut self, offset: u64) -> bool {
        let offset = i64::try_from(offset).unwrap_or(i64::MAX);
        // SAFETY: the context is open.
        unsafe { av::av_seek_frame(self.context, -1, offset, av::AVSEEK_FLAG_BYTE as c_int) >= 0 }
    }

    /// Goes to a keyframe of `stream` at or before `time`, in ticks of the stream.
    pub(super) fn seek_to_time(&mut self, stream: usize, time: i64) -> bool {
        let Ok(stream) = c_int::try_from(stream) else { return false };
        // SAFETY: the context is open; libavformat checks the stream's number.
        unsafe { av::av_seek_frame(self.context, stream, time, av::AVSEEK_FLAG_BACKWARD as c_int) >= 0 }
    }
}

/// Lets pass a failure that only says that the file is odd.
fn lasting(error: Error) -> Result<()> {
    if error.kind() == Kind::Unsupported { Ok(()) } else { Err(error) }
}

impl Drop for Demuxer<'_> {
    fn drop(&mut self) {
        let mut packet = self.packet.as_ptr();
        // SAFETY: each part is owned and freed once, here, the context before the I/O it reads through, and the input, which
        // both point to, last. The buffer may have been replaced by libavformat: the I/O context knows the one to free.
        unsafe {
            av::av_packet_free(&mut packet);
            if !self.context.is_null() {
                av::avformat_close_input(&mut self.context);
            }
            if !self.io.is_null() {
                av::av_freep((&raw mut (*self.io).buffer).cast());
                av::avio_context_free(&mut self.io);
            }
            drop(Box::from_raw(self.input));
        }
    }
}

/// Fills `buffer` for libavformat.
unsafe extern "C" fn read(opaque: *mut c_void, buffer: *mut u8, size: c_int) -> c_int {
    // SAFETY: `opaque` is the input that `open` gave, alive, and used by nobody else while libavformat runs.
    let input = unsafe { &mut *opaque.cast::<Input<'_>>() };
    if (input.stop)() {
        return av::AVERROR_EXIT;
    }
    // SAFETY: libavformat gives a buffer of `size` bytes to fill.
    let buffer = unsafe { std::slice::from_raw_parts_mut(buffer, usize::try_from(size).unwrap_or(0)) };
    let position = input.position;
    // A panic must not cross into C.
    let outcome = catch_unwind(AssertUnwindSafe(|| input.reader.read_at(position, buffer)));
    match outcome.unwrap_or_else(|_| Err(std::io::Error::other("the reader panicked"))) {
        Ok(0) => av::AVERROR_EOF,
        Ok(count) => {
            input.position += count as u64;
            count as c_int
        }
        Err(failure) => {
            input.failure = Some(failure);
            av::AVERROR_EXTERNAL
        }
    }
}

/// Moves the place that libavformat reads from.
unsafe extern "C" fn seek(opaque: *mut c_void, offset: i64, whence: c_int) -> i64 {
    const FROM_START: c_int = 0;
    const FROM_HERE: c_int = 1;
    const FROM_END: c_int = 2;
    // SAFETY: as in `read`.
    let input = unsafe { &mut *opaque.cast::<Input<'_>>() };
    let size = i64::try_from(input.reader.size()).unwrap_or(i64::MAX);
    let whence = whence & !(av::AVSEEK_FORCE as c_int);
    if whence == av::AVSEEK_SIZE as c_int {
        return size;
    }
    let target = match whence {
        FROM_START => Some(offset),
        FROM_HERE => i64::try_from(input.position).ok().and_then(|here| here.checked_add(offset)),
        FROM_END => size.checked_add(offset),
        _ => None,
    };
    match target.and_then(|target| u64::try_from(target).ok()) {
        Some(target) => {
            input.position = target;
            target as i64
        }
        None => i64::from(av::AVERROR_EXTERNAL),
    }
}

/// Whether libavformat is to give up.
unsafe extern "C" fn interrupted(opaque: *mut c_void) -> c_int {
    // SAFETY: as in `read`; only the callback is used, through a shared reference.
    let stop = unsafe { (*opaque.cast::<Input<'_>>()).stop };
    c_int::from(stop())
}

/// Refuses to open anything by name.
unsafe extern "C" fn refuse_open(
    _context: *mut av::AVFormatContext,
    _io: *mut *mut av::AVIOContext,
    _url: *const std::ffi::c_char,
    _flags: c_int,
    _options: *mut *mut av::AVDictionary,
) -> c_int {
    av::AVERROR_EXIT
}
