#!/bin/sh
# Makes a folder with a small arm64 system for `edgemin across --aarch64 FOLDER`: Debian's Python and the three packages of a bundle.
# Nothing is installed on this machine. Needs apt-get and dpkg, Python with pip (PYTHON=.venv/bin/python), and Debian's keys
# (apt-get install debian-archive-keyring).
set -eu
[ $# -eq 1 ] || { echo "usage: sh envs/aarch64-root.sh FOLDER" >&2; exit 2; }
pins=$(dirname "$0")/requirements.txt
keys=/usr/share/keyrings/debian-archive-keyring.gpg
[ -f "$keys" ] || { echo "error: $keys: missing; apt-get install debian-archive-keyring" >&2; exit 2; }
mkdir -p "$1" && cd "$1" && root=$PWD && cd "$OLDPWD"
apt=$root/apt
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
: > "$apt/status"
echo "deb [signed-by=$keys] http://deb.debian.org/debian bookworm main" > "$apt/sources.list"
cat > "$apt/apt.conf" <<END
APT::Architecture "arm64"; APT::Architectures { "arm64"; }; APT::Sandbox::User "";
Dir::State::lists "$apt/lists"; Dir::State::status "$apt/status"; Dir::Cache "$apt/cache";
Dir::Etc::sourcelist "$apt/sources.list"; Dir::Etc::sourceparts "-";
END
export APT_CONFIG="$apt/apt.conf"
apt-get -qq update
apt-get -qq install -y --download-only --no-install-recommends python3 libstdc++6 > "$apt/log"
for package in "$apt"/cache/archives/*.deb; do dpkg -x "$package" "$root"; done
rm -rf "$apt"
"${PYTHON:-python3}" -m pip install --quiet --no-deps --target "$root/usr/lib/python3/dist-packages" --python-version 3.11 --only-binary :all: \
    --platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 --platform manylinux2014_aarch64 \
    $(grep -E '^(onnxruntime|tokenizers|numpy)==' "$pins")
# What ONNX Runtime's loader reads of a processor; the real features come from the emulator.
mkdir -p "$root/proc" "$root/sys/devices/system/cpu"
echo 0 > "$root/sys/devices/system/cpu/possible"
echo 0 > "$root/sys/devices/system/cpu/present"
printf 'processor\t: 0\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: 0xd08\nCPU revision\t: 3\n' > "$root/proc/cpuinfo"
