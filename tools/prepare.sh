# SPDX-License-Identifier: MIT
# What ./test and ./run share: packages, the service's account, the build folder. Sourced by sh, from the top of the
# tree. Changes the machine only where something is missing, and never stops or starts a service.

say() {
	echo "$0: $*" >&2
}

# as_root COMMAND...: run it with root's power; fails quietly where there is none. sudo asks for a password only at a
# terminal.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif ! command -v sudo >/dev/null; then
		return 1
	elif [ -t 0 ] && [ -t 2 ]; then
		sudo "$@"
	else
		sudo -n "$@" 2>/dev/null
	fi
}

# Can as_root work? Where only a password is missing it is asked for, once.
can_be_root() {
	as_root true 2>/dev/null
}

# missing_packages KIND...: those of tools/packages that dpkg does not have.
missing_packages() {
	for kind in "$@"; do
		sed -n "s/^$kind  *//p" tools/packages
	done | while read -r package; do
		status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=
		[ "$status" = installed ] || echo "$package"
	done
}

# The commands that install, as root, without starting the services that some packages bring: a policy-rc.d that
# forbids it stands there for as long as apt-get runs (one that was there before stays and decides), and under systemd
# the new ones are also disabled, so that the next boot does not start them.
install_commands() {
	cat <<-'EOF'
		set -u
		policy=/usr/sbin/policy-rc.d
		if [ ! -e "$policy" ]; then
			trap 'rm -f "$policy"' EXIT
			trap 'exit 130' HUP INT TERM
			printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy" || exit 1
		fi
		export DEBIAN_FRONTEND=noninteractive
		apt-get install -y -q --no-install-recommends "$@" >/dev/null 2>&1 ||
			{ apt-get update -q >/dev/null && apt-get install -y -q --no-install-recommends "$@" >&2; } || exit 1
		for package in "$@"; do
			case $package in
			openssh-server) units='ssh.service ssh.socket' ;;
			nginx-light) units=nginx.service ;;
			*) continue ;;
			esac
			if command -v systemctl >/dev/null; then
				systemctl disable --quiet $units 2>/dev/null || :
			fi
		done
	EOF
}

# need_packages KIND...: installs what is missing. Fails if it could not.
need_packages() {
	command -v dpkg-query >/dev/null || {
		say "this is no Debian: make sure that what tools/packages lists is there"
		return 0
	}
	missing=$(missing_packages "$@" | tr '\n' ' ')
	[ -n "$missing" ] || return 0
	say "installing: $missing"
	# shellcheck disable=SC2086
	as_root sh -c "$(install_commands)" install $missing </dev/null || {
		say "could not install: $missing"
		say "as root: apt-get install $missing"
		return 1
	}
}

# The account the engine runs as.
need_account() {
	getent passwd netguard >/dev/null && return 0
	as_root useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin netguard
}

# build_tree FOLDER [MESON OPTION...]: set up where needed, then build; what went wrong is shown.
build_tree() {
	folder=$1
	shift
	if [ ! -f "$folder/build.ninja" ]; then
		quietly meson setup "$@" "$folder" || return 1
	elif [ $# -gt 0 ]; then
		quietly meson configure "$folder" "$@" || return 1
	fi
	# shellcheck disable=SC2086
	quietly ninja -C "$folder" ${BUILD_TARGETS:-}
}

# Show a command's output only if it fails.
quietly() {
	quiet_log=$(mktemp) || return 1
	if "$@" >"$quiet_log" 2>&1 </dev/null; then
		rm -f "$quiet_log"
	else
		cat "$quiet_log" >&2
		rm -f "$quiet_log"
		return 1
	fi
}
