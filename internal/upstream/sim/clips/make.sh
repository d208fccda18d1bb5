#!/bin/sh
# Makes the clips that the simulator serves as videos: five seconds of H.264
# for each ratio, at the pixel sizes of 480p. Each pans over a picture that the
# simulator itself has drawn. Needs Go and Debian's packages ffmpeg and
# fonts-dejavu-core. The clips are kept in the repository, so this runs only
# when they are to look different. All together must stay under 1 MiB.
set -eu
cd "$(dirname "$0")"
font=/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

clip() { # name width height label prompt
	w=$2 h=$3
	# Two pixels a frame to the right, so that chroma stays on its grid. A
	# caption, the time and a bar that fills show at a glance that it plays.
	go run poster.go "$tmp/$1.png" $((w + 240)) "$h" "$5"
	ffmpeg -v error -y -loop 1 -framerate 24 -i "$tmp/$1.png" -f lavfi -i "color=c=white:s=${w}x10:r=24" \
		-filter_complex "[0]crop=${w}:${h}:x='2*n':y=0:exact=1,format=yuv420p,\
drawbox=x=0:y=ih-10:w=iw:h=10:color=black@0.35:t=fill,\
drawtext=fontfile=${font}:text='Tintype simulator':fontsize=26:fontcolor=white:x=24:y=h-92:shadowcolor=black@0.6:shadowx=2:shadowy=2,\
drawtext=fontfile=${font}:text='$4  ${w}x${h}  %{pts\\:hms}':fontsize=18:fontcolor=white:x=24:y=h-52:shadowcolor=black@0.6:shadowx=2:shadowy=2[v];\
[v][1]overlay=x='-w+w*t/5':y=H-10[out]" \
		-map '[out]' -an -t 5 -c:v libx264 -profile:v high -preset veryslow -crf 24 -g 48 -pix_fmt yuv420p \
		-map_metadata -1 -fflags +bitexact -flags:v +bitexact -movflags +faststart "$1.mp4"
}

clip 16x9 864 496 "16\\:9" "sunset 1"
clip 4x3 752 560 "4\\:3" "ocean 4"
clip 1x1 640 640 "1\\:1" "snow 3"
clip 3x4 560 752 "3\\:4" "forest 5"
clip 9x16 496 864 "9\\:16" "night 3"
clip 21x9 992 432 "21\\:9" "desert 7"
ls -l ./*.mp4
