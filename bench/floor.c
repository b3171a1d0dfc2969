/* The floor of an exact thumbnail: what decoding alone costs. For each time given on the command line it seeks to the
 * keyframe before and decodes every frame up to the one on display, with one open file and one decoder, on one thread.
 * Prints the mean CPU milliseconds per time. `-k` before the file: the keyframe alone. */
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double cpu_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void check(int result, const char *what) {
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", what, av_err2str(result));
        exit(1);
    }
}

int main(int argc, char **argv) {
    int keyframe_only = argc > 1 && !strcmp(argv[1], "-k");
    argv += keyframe_only, argc -= keyframe_only;
    if (argc < 3) {
        fprintf(stderr, "usage: floor [-k] FILE SECONDS...\n");
        return 2;
    }
    AVFormatContext *format = NULL;
    check(avformat_open_input(&format, argv[1], NULL, NULL), argv[1]);
    check(avformat_find_stream_info(format, NULL), argv[1]);
    int index = av_find_best_stream(format, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    check(index, "no video");
    AVStream *stream = format->streams[index];
    AVCodecContext *codec = avcodec_alloc_context3(avcodec_find_decoder(stream->codecpar->codec_id));
    check(avcodec_parameters_to_context(codec, stream->codecpar), "parameters");
    codec->thread_count = 1;
    check(avcodec_open2(codec, NULL, NULL), "decoder");
    AVPacket *packet = av_packet_alloc();
    AVFrame *frame = av_frame_alloc();

    double start = cpu_ms();
    long frames = 0;
    for (int i = 2; i < argc; i++) {
        int64_t target = atof(argv[i]) / av_q2d(stream->time_base);
        check(av_seek_frame(format, index, target, AVSEEK_FLAG_BACKWARD), "seek");
        avcodec_flush_buffers(codec);
        for (int done = 0; !done;) {
            int ended = 0;
            while ((ended = av_read_frame(format, packet)) >= 0 && packet->stream_index != index) av_packet_unref(packet);
            check(avcodec_send_packet(codec, ended < 0 ? NULL : packet), "decode");
            av_packet_unref(packet);
            while (!done && avcodec_receive_frame(codec, frame) >= 0) {
                frames++;
                /* A frame of 30 to the second is on display until the next one. */
                done = keyframe_only || frame->best_effort_timestamp + frame->pkt_duration > target;
            }
            if (ended < 0) break;
        }
    }
    printf("%.1f\n", (cpu_ms() - start) / (argc - 2));
    fprintf(stderr, "%.1f frames a request\n", (double)frames / (argc - 2));
    return 0;
}
