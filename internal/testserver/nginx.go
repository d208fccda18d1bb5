package testserver

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// nginxConf is what nginx needs to run in a folder, around what a test is about.
const nginxConf = `
daemon off;
master_process off;
pid %[1]s/nginx.pid;
error_log stderr notice;
events {}
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
%[2]s
}
`

// Nginx starts an nginx, which ends with the test. conf is what goes into its http
// block, and says where it listens; origin is that as callers write it.
func Nginx(tb testing.TB, conf, origin string) {
	tb.Helper()
	path, err := exec.LookPath("nginx")
	if err != nil {
		path = "/usr/sbin/nginx" // where Debian has it, and not every PATH does
	}
	dir := tb.TempDir()
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, nginxConf, dir, conf), 0o600); err != nil {
		tb.Fatal(err)
	}
	Program(tb, path, []string{"-p", dir, "-c", file, "-e", "stderr"}, nil, func(line string) string {
		if strings.Contains(line, "[notice]") {
			return origin
		}
		return ""
	})
}
