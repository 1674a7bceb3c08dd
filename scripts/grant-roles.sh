#!/bin/sh
# Gives the bot's Google account what it needs to see one Composer environment, and no more. Only adds: no binding of anybody
# else is touched, and running it twice changes nothing.
set -euf

usage() {
	cat >&2 <<'USAGE'
scripts/grant-roles.sh --project P --location L --environment E --bot E-MAIL [--features a,b] [--with-changes] [--dry-run]

  --bot           the account the bot runs as: concertmaster@P.iam.gserviceaccount.com
  --features      only these, of the list that --list prints; default: all that only read
  --with-changes  also what applying a sizing suggestion from Slack takes
  --dry-run       print the gcloud commands in place of running them
  --list          features, where each role is granted, and the role
USAGE
	exit 2
}

# Feature, where, role, reads or changes. Made from src/domain/needs.ts by `npm run gen -- needs`.
needs() {
	cat <<'NEEDS'
# needs:begin
environment project roles/composer.user reads
operations project roles/composer.user reads
logs project roles/logging.viewer reads
clusterLogs project roles/logging.viewer reads
metrics project roles/monitoring.viewer reads
projectNumber project roles/browser reads
projectPolicy project roles/browser reads
serviceAccount serviceAccount roles/iam.serviceAccountViewer reads
serviceAccountPolicy serviceAccount roles/iam.serviceAccountViewer reads
bucketPolicy project roles/iam.securityReviewer reads
enabledApis project roles/serviceusage.serviceUsageViewer reads
change project roles/composer.admin changes
actAs serviceAccount roles/iam.serviceAccountUser changes
# needs:end
NEEDS
}

project='' location='' environment='' bot='' features='' changes=false dry=false
while [ $# -gt 0 ]; do
	case $1 in
		--list) needs | grep -v '^#'; exit 0 ;;
		--dry-run) dry=true; shift; continue ;;
		--with-changes) changes=true; shift; continue ;;
	esac
	[ $# -ge 2 ] || usage
	case $1 in
		--project) project=$2 ;;
		--location) location=$2 ;;
		--environment) environment=$2 ;;
		--bot) bot=$2 ;;
		--features) features=$2 ;;
		*) usage ;;
	esac
	shift 2
done
[ -n "$project" ] && [ -n "$location" ] && [ -n "$environment" ] && [ -n "$bot" ] || usage

known=" $(needs | grep -v '^#' | cut -d ' ' -f 1 | tr '\n' ' ')"
for feature in $(printf %s "$features" | tr ',' ' '); do
	case $known in *" $feature "*) ;; *) printf 'There is no feature %s; --list names them.\n' "$feature" >&2; exit 2 ;; esac
done

# A word as a shell takes it again.
quoted() {
	case $1 in
		*[!A-Za-z0-9_@%+=:,./-]* | '') printf "'%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")" ;;
		*) printf %s "$1" ;;
	esac
}

run() {
	line=''
	for word in "$@"; do line="$line${line:+ }$(quoted "$word")"; done
	printf '%s\n' "$line"
	$dry || "$@" >/dev/null
}

wants() {
	[ "$2" = reads ] || $changes || return 1
	[ -z "$features" ] || case ",$features," in *",$1,"*) ;; *) return 1 ;; esac
}

case $bot in
	*gserviceaccount.com) member="serviceAccount:$bot" ;;
	*) member="user:$bot" ;;
esac
account=''
account_of_environment() {
	[ -n "$account" ] || account=$(gcloud composer environments describe "$environment" "--location=$location" "--project=$project" \
		'--format=value(config.nodeConfig.serviceAccount)')
	[ -n "$account" ] || { echo 'The environment names no service account of its own.' >&2; exit 1; }
}

needs | grep -v '^#' | {
	done=' '
	while read -r feature on role kind; do
		wants "$feature" "$kind" || continue
		# One role may serve several features.
		case $done in *" $on:$role "*) continue ;; esac
		done="$done$on:$role "
		case $on in
			project) run gcloud projects add-iam-policy-binding "$project" "--member=$member" "--role=$role" --condition=None </dev/null ;;
			serviceAccount)
				account_of_environment </dev/null
				run gcloud iam service-accounts add-iam-policy-binding "$account" "--project=$project" "--member=$member" "--role=$role" </dev/null
				;;
		esac
	done
}
