#!/bin/sh
# Makes the clips that the simulator serves as videos: five seconds of H.264
# for each ratio, at the pixel sizes of 480p. Needs Debian's packages ffmpeg and
# fonts-dejavu-core. The clips are kept in the repository, so this runs only
# when they are to look different. All together must stay under 1 MiB.
set -eu
cd "$(dirname "$0")"
font=/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf

clip() { # name width height label hue
	w=$2 h=$3
	# A slow gradient, three drifting discs of light, a caption, the frame's
	# time and a bar that fills, so that one sees at a glance that it plays.
	ffmpeg -v error -y \
		-f lavfi -i "gradients=s=${w}x${h}:r=24:d=5:n=4:c0=0x3a1c71:c1=0xd76d77:c2=0xffaf7b:c3=0x24c6dc:speed=0.012:seed=7" \
		-f lavfi -i "color=c=white:s=${w}x${h}:r=24:d=5,format=gray,geq=lum='255*(0.75*exp(-(hypot(X-W*(0.5+0.33*sin(2*PI*T/5)),Y-H*(0.42+0.18*cos(2*PI*T/5)))/(min(W,H)*0.20))^4)+0.5*exp(-(hypot(X-W*(0.5+0.36*cos(2*PI*T/5)),Y-H*(0.5-0.3*sin(2*PI*T/5)))/(min(W,H)*0.12))^4)+0.4*exp(-(hypot(X-W*(0.3+0.4*T/5),Y-H*0.7)/(min(W,H)*0.15))^4))'" \
		-f lavfi -i "color=c=0xfff4d6:s=${w}x${h}:r=24:d=5" \
		-filter_complex "[2][1]alphamerge[light];[0]hue=h=$5[bg];[bg][light]overlay=format=yuv420,\
drawbox=x=0:y=ih-10:w=iw:h=10:color=black@0.35:t=fill,\
drawtext=fontfile=${font}:text='Tintype simulator':fontsize=26:fontcolor=white:x=24:y=h-92:shadowcolor=black@0.6:shadowx=2:shadowy=2,\
drawtext=fontfile=${font}:text='$4  ${w}x${h}  %{pts\\:hms}':fontsize=18:fontcolor=white:x=24:y=h-52:shadowcolor=black@0.6:shadowx=2:shadowy=2[v];\
color=c=white:s=${w}x10:r=24:d=5[bar];[v][bar]overlay=x='-w+w*t/5':y=H-10:shortest=1[out]" \
		-map '[out]' -an -t 5 -c:v libx264 -profile:v high -preset veryslow -crf 27 -g 48 -pix_fmt yuv420p \
		-map_metadata -1 -fflags +bitexact -flags:v +bitexact -movflags +faststart "$1.mp4"
}

clip 16x9 864 496 "16\\:9" 0
clip 4x3 752 560 "4\\:3" 40
clip 1x1 640 640 "1\\:1" -30
clip 3x4 560 752 "3\\:4" 80
clip 9x16 496 864 "9\\:16" 150
clip 21x9 992 432 "21\\:9" 200
ls -l ./*.mp4
