#!/bin/sh
# Makes the files beside it with ffmpeg 5.1. Two seconds of a test card.
set -eu
cd "$(dirname "$0")"
card="-f lavfi -i testsrc=size=160x90:rate=12:duration=2"
small="-f lavfi -i testsrc=size=64x48"
h264="-c:v libx264 -pix_fmt yuv420p -preset veryfast -crf 40"
run() { ffmpeg -v error -y "$@"; }
run $card $h264 -movflags +faststart front.mp4
run $card $h264 back.mp4
run $card $h264 -movflags +frag_keyframe+empty_moov+default_base_moof fragmented.mp4
run $card -f lavfi -i sine=duration=2 $h264 -c:a aac -b:a 16k -shortest sound.mov
run -i front.mp4 -c copy -metadata:s:v:0 rotate=90 rotated.mp4
run -f lavfi -i sine=duration=1 -c:a aac -b:a 16k sound.mp4
run $small -t 1 -r 5 anim.gif
run $small -t 1 -r 5 -f apng anim.png
for ext in webp tiff bmp; do run $small -frames:v 1 still.$ext; done
