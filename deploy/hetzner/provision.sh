#!/usr/bin/env bash
# From an empty project at Hetzner to a server that waits for deploy/ship.sh: docs/hetzner.md.
# Can be run again: what exists is kept, what is missing is made.
# usage: HCLOUD_TOKEN=... bash deploy/hetzner/provision.sh HOST EMAIL
#   HOST    the site's host name, EMAIL an address for the notices of Let's Encrypt (or `internal`, as for prepare.sh)
#   NAME=explorer SERVER_TYPE=cx33 LOCATION=fsn1 VOLUME_GB=200 RETENTION_DAYS=30 SSH_KEY=~/.ssh/id_ed25519.pub
#           in the environment: other values than these. NAME is that of all parts, for a second server in the project.
set -euo pipefail
cd "$(dirname "$0")"

name=${NAME:-explorer} server_type=${SERVER_TYPE:-cx33} location=${LOCATION:-fsn1} volume_gb=${VOLUME_GB:-200}
ssh_key=${SSH_KEY:-$HOME/.ssh/id_ed25519.pub}
retention_days=${RETENTION_DAYS-30}
read -ra ssh <<< "${SSH:-ssh}" # as for ship.sh: the words of the ssh command
user=explorer                  # as in cloud-init.yaml

die() {
  echo "provision.sh: $*" >&2
  exit 1
}

if [ $# != 2 ] || [[ ! $1 =~ ^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$ ]] || [[ ! $2 =~ ^(internal|[^[:space:]\'@]+@[^[:space:]\'@]+)$ ]]; then
  echo "usage: HCLOUD_TOKEN=... bash deploy/hetzner/provision.sh HOST EMAIL" >&2
  exit 2
fi
[[ $retention_days =~ ^[a-z0-9,:]*$ ]] || die "RETENTION_DAYS=$retention_days is not as in .env.example."
[[ $volume_gb =~ ^[0-9]+$ ]] || die "VOLUME_GB=$volume_gb is no number of GB."
command -v hcloud > /dev/null || die "There is no hcloud here: apt-get install hcloud-cli, or https://github.com/hetznercloud/cli."
# Those that don't know this option, such as that of Debian 12, leave --format out without a word.
[[ $(hcloud volume create --help) == *--enable-protection* ]] || die "This hcloud is too old: take 1.39 or newer, as Debian 13 has it."
[ -n "${HCLOUD_TOKEN:-}" ] || [ -n "$(hcloud context active 2> /dev/null)" ] ||
  die "HCLOUD_TOKEN is not set. Make a token (read & write) in the project at https://console.hetzner.cloud, Security, API tokens."
[ -r "$ssh_key" ] || die "There is no public key $ssh_key: ssh-keygen -t ed25519, or SSH_KEY=path of another one."
key=$(cut -d ' ' -f 1,2 "$ssh_key")
[[ $key =~ ^(ssh-|ecdsa-|sk-)[a-z0-9@.-]+\ [A-Za-z0-9+/=]+$ ]] || die "$ssh_key is no public key."

list() { # KIND COLUMNS: a line for each that exists
  hcloud "$1" list -o noheader -o "columns=$2" || die "Hetzner did not answer that (the line above says why)."
}

with() { # VALUE: the first column of the lines whose second one is it
  awk -v value="$1" '$2 == value { print $1 }'
}

quietly() { # runs hcloud, whose progress is of no interest unless it fails
  local output
  output=$(hcloud "$@" 2>&1 < /dev/null) || die "hcloud $1 $2: $output"
}

made() { echo "made: $*"; }
kept() { echo "kept: $*"; }

# Hetzner knows a key by its fingerprint, and refuses it under a second name.
fingerprint=$(ssh-keygen -E md5 -lf "$ssh_key" | awk '{ sub("MD5:", "", $2); print $2 }')
key_id=$(list ssh-key id,fingerprint | with "$fingerprint")
if [ -n "$key_id" ]; then
  kept "ssh key $fingerprint"
else
  quietly ssh-key create --name "$name" --public-key-from-file "$ssh_key"
  key_id=$(list ssh-key id,fingerprint | with "$fingerprint")
  made "ssh key $fingerprint"
fi

firewall_id=$(list firewall id,name | with "$name")
if [ -n "$firewall_id" ]; then
  kept "firewall $name"
else
  quietly firewall create --name "$name" --rules-file firewall.json
  firewall_id=$(list firewall id,name | with "$name")
  made "firewall $name: ports 22, 80 and 443"
fi

# Formatted by Hetzner when it is made, and never by us: a second server finds the lake of the first.
volume_id=$(list volume id,name | with "$name")
if [ -n "$volume_id" ]; then
  kept "volume $name"
else
  quietly volume create --name "$name" --size "$volume_gb" --location "$location" --format ext4
  volume_id=$(list volume id,name | with "$name")
  made "volume $name: $volume_gb GB at $location"
fi
volume=$(hcloud volume describe "$volume_id" -o json)
[[ $volume =~ \"format\":\ *\"ext4\" ]] || die "Hetzner made no file system on volume $name. If nothing is on it, make it anew:
hcloud volume disable-protection $name delete; hcloud volume delete $name"
protected=$(hcloud volume describe "$volume_id" -o 'format={{.Protection.Delete}}')
if [ "$protected" != true ]; then
  quietly volume enable-protection "$volume_id" delete
  made "protection of volume $name: it can't be deleted by mistake"
fi

server_id=$(list server id,name | with "$name")
if [ -n "$server_id" ]; then
  kept "server $name"
else
  address_id=$(list primary-ip id,name | with "$name") # of an earlier server
  user_data=$(mktemp)
  trap 'rm -f "$user_data"' EXIT
  sed -e "s|@SSH_KEY@|$key|" -e "s|@DEVICE@|/dev/disk/by-id/scsi-0HC_Volume_$volume_id|" cloud-init.yaml > "$user_data"
  quietly server create --name "$name" --type "$server_type" --image debian-13 --location "$location" --ssh-key "$key_id" \
    --firewall "$firewall_id" --volume "$volume_id" --user-data-from-file "$user_data" ${address_id:+--primary-ipv4 "$address_id"}
  server_id=$(list server id,name | with "$name")
  made "server $name: $server_type at $location"
fi
attached_to=$(hcloud volume describe "$volume_id" -o 'format={{if .Server}}{{.Server.ID}}{{end}}')
if [ "$attached_to" != "$server_id" ]; then
  quietly volume attach "$volume_id" --server "$server_id"
  made "volume $name is attached to server $name. Restart it: hcloud server reboot $name"
fi

# The address comes with the server. It stays when the server goes, so that the host name need not change.
ip=$(hcloud server ip "$server_id")
address_id=$(hcloud server describe "$server_id" -o 'format={{.PublicNet.IPv4.ID}}')
known_id=$(list primary-ip id,name | with "$name")
if [ "$known_id" = "$address_id" ]; then
  kept "address $ip"
else
  quietly primary-ip update "$address_id" --name "$name" --auto-delete=false
  made "address $ip"
fi

target=$user@$ip
ssh+=(-o StrictHostKeyChecking=accept-new -o ConnectTimeout=10)
echo "waiting: $target comes up and installs Docker, some 3 minutes"
for ((try = 0; ; try++)); do
  if reply=$("${ssh[@]}" "$target" true 2>&1); then break; fi
  case $reply in
    *"HOST IDENTIFICATION HAS CHANGED"*) die "$reply
The address had another server before. If you know that it is yours: ssh-keygen -R $ip" ;;
  esac
  [ $try -lt "${TRIES:-60}" ] || die "$target can't be reached: $reply"
  sleep 5
done
# 2: it is done, and has warnings.
status=$("${ssh[@]}" "$target" 'cloud-init status --wait --long; echo "exit code $?"') || die "the connection broke: run this again. $status"
case $status in
  *"exit code 0" | *"exit code 2") ;;
  *) die "cloud-init failed on $target. /var/log/cloud-init-output.log there says why.
$status" ;;
esac

folder=/opt/explorer/deploy
"${ssh[@]}" "$target" "mkdir -p $folder && cat > $folder/prepare.sh" < ../prepare.sh
"${ssh[@]}" "$target" "VOLUME=/mnt/explorer RETENTION_DAYS='$retention_days' bash $folder/prepare.sh '$1' '$2'"

cat << END
ready: $target
1. Let the name $1 point to $ip (an A record), and wait until it does: getent hosts $1
2. bash deploy/ship.sh $target
END
