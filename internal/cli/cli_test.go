package cli_test

import (
	"strings"
	"testing"
)

func TestMistakes(t *testing.T) {
	t.Parallel()
	const more = "`tintype --help` tells more.\n"
	for args, want := range map[string]string{
		"rnu":          `tintype: there is no command "rnu", but run, demo, sim, image, video, chat, config, bucket, accounts, jobs, doctor, health, version` + "\n" + more,
		"help nothing": `tintype: there is no command "nothing", but run, demo, sim, image, video, chat, config, bucket, accounts, jobs, doctor, health, version` + "\n" + more,
		"--bogus":      "tintype: unknown flag --bogus\n" + more,
		"run extra":    "tintype run: unexpected argument extra\n`tintype run --help` tells more.\n",
		"run --adr x":  "tintype run: unknown flag --adr, did you mean \"--addr\"?\n`tintype run --help` tells more.\n",
		"run --addr":   "tintype run: --addr needs a value\n`tintype run --help` tells more.\n",
		"config":       "tintype config: expected one of \"check\", \"secrets\"\n`tintype config --help` tells more.\n",
		"config chekc": "tintype config: unexpected argument chekc, did you mean \"check\"?\n`tintype config --help` tells more.\n",
		"config check --role boss": "tintype config check: --role must be one of \"all\",\"api\",\"worker\",\"run\" but got \"boss\"\n" +
			"`tintype config check --help` tells more.\n",
		"config secrets --name a:b": "tintype config secrets: --name must be letters and digits, without spaces, quotes, \":\" or \"#\"\n" +
			"`tintype config secrets --help` tells more.\n",
		"demo --upstream ark":      "tintype demo: --upstream ark needs --key, or ARK_API_KEY in the environment\n`tintype demo --help` tells more.\n",
		"demo --key x":             "tintype demo: --key and --base-url go with --upstream ark\n`tintype demo --help` tells more.\n",
		"sim --image-time=-1s":     "tintype sim: --image-time, --video-time and --visibility-lag cannot be negative\n`tintype sim --help` tells more.\n",
		"sim --visibility-lag=-1s": "tintype sim: --image-time, --video-time and --visibility-lag cannot be negative\n`tintype sim --help` tells more.\n",
		"sim --addr 127.0.0.1:one": "",
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := call(t, nil, strings.Fields(args)...)
			switch {
			case want == "" && (code != 1 || !strings.HasPrefix(stderr, "tintype sim: ")):
				t.Errorf("exit code %d, %q; want 1", code, stderr)
			case want != "" && (code != 2 || stderr != want):
				t.Errorf("exit code %d\n%s\nwant 2\n%s", code, stderr, want)
			}
			if stdout != "" {
				t.Errorf("a mistake is no output, but there is %q", stdout)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	_, all, _ := call(t, nil, "--help")
	for _, args := range []string{"", "help", "-h"} {
		if code, stdout, stderr := call(t, nil, strings.Fields(args)...); code != 0 || stdout != all || stderr != "" {
			t.Errorf("%q: %d %q %q", args, code, stdout, stderr)
		}
	}
	for _, command := range []string{"run", "demo", "sim", "image", "video", "chat", "jobs watch", "jobs download", "jobs cancel", "jobs list", "config check", "config secrets", "bucket init", "doctor", "health", "version"} {
		if !strings.Contains(all, "\n  "+command+" ") {
			t.Errorf("the help does not list %q:\n%s", command, all)
		}
		code, stdout, stderr := call(t, nil, append([]string{"help"}, strings.Fields(command)...)...)
		if code != 0 || stderr != "" || !strings.HasPrefix(stdout, "Usage: tintype "+command) {
			t.Errorf("help %s: %d %q %q", command, code, stdout, stderr)
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := call(t, nil, "version")
	if fields := strings.Fields(stdout); code != 0 || len(fields) != 2 || fields[0] != "tintype" || stderr != "" {
		t.Errorf("%d %q %q", code, stdout, stderr)
	}
}
