package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	embedded "github.com/fergusstrange/embedded-postgres"
)

const downloadVersion = embedded.V17

// download fetches and unpacks server binaries, once per machine, and returns their folder. The embedding library also
// starts a server, which fails for root. Only its unpacked files are needed here.
func download(ctx context.Context) (string, error) {
	home, err := downloadHome()
	if err != nil {
		return "", err
	}
	bin := filepath.Join(home, "bin")
	if complete(bin) {
		return bin, nil
	}
	work, err := os.MkdirTemp(os.TempDir(), "crosscheck-unpack-")
	if err != nil {
		return "", fmt.Errorf("creating a folder for the download: %w", err)
	}
	defer os.RemoveAll(work)
	port, err := freePort(ctx)
	if err != nil {
		return "", err
	}
	db := embedded.NewDatabase(embedded.DefaultConfig().Version(downloadVersion).Port(uint32(port)).
		BinariesPath(home).CachePath(work).RuntimePath(filepath.Join(work, "run")).Logger(io.Discard))
	startErr := db.Start()
	http.DefaultClient.CloseIdleConnections() // the library leaves its own log open
	if startErr == nil {
		if err := db.Stop(); err != nil {
			return "", fmt.Errorf("stopping the server that came with the download: %w", err)
		}
	}
	if !complete(bin) {
		return "", fmt.Errorf("downloading PostgreSQL %s: %w", downloadVersion, errors.Join(startErr, ctx.Err()))
	}
	return bin, nil
}

// downloadHome is where the downloaded binaries stay.
func downloadHome() (string, error) {
	cache, err := cache()
	if err != nil {
		return "", err
	}
	home := filepath.Join(cache, "postgresql-"+string(downloadVersion))
	if err := os.MkdirAll(home, 0o755); err != nil {
		return "", fmt.Errorf("creating the cache folder: %w", err)
	}
	return home, nil
}

// cache is the lab's folder in the user's cache. For root it is in the system's cache, because other accounts may not
// enter root's home.
func cache() (string, error) {
	dir := "/var/cache"
	if os.Geteuid() != 0 {
		var err error
		if dir, err = os.UserCacheDir(); err != nil {
			return "", fmt.Errorf("finding the cache folder: %w", err)
		}
	}
	return filepath.Join(dir, "crosscheck-lab"), nil
}
